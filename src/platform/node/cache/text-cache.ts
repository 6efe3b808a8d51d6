/** States of prompts on disk: a large text encoder takes seconds, and its weights are read whole, for each new one. */
import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TextCache } from "../../../pipelines/text.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32 } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { cacheFolder } from "./folder.ts";

/** Entries kept at most; one is 2 to 4 MB for T5-XXL. */
const mostEntries = 256;

/** A cache in a folder. What cannot be read is not there; a full disk is no reason to fail. */
export function textCache(folder = join(cacheFolder(), "text")): TextCache {
  const pathOf = (key: string) => join(folder, `${createHash("sha256").update(key).digest("hex")}.safetensors`);
  return {
    async get(key) {
      try {
        const { checkpoint } = await openCheckpointPath(pathOf(key));
        try {
          return await readFloat32(checkpoint.tensors.get("states")!);
        } finally {
          await checkpoint.close();
        }
      } catch {
        return undefined;
      }
    },
    async set(key, states) {
      try {
        const tensors = new Map([["states", storeFloat32(states, [states.length])]]);
        await writeSafetensorsFile(pathOf(key), tensors);
        await prune(folder);
      } catch {
        // The next run encodes again.
      }
    },
  };
}

/** Removes the oldest entries. */
async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".safetensors"));
  if (names.length <= mostEntries) return;
  const ages = await Promise.all(names.map(async (name) => ({ name, time: (await stat(join(folder, name))).mtimeMs })));
  ages.sort((a, b) => a.time - b.time);
  for (const { name } of ages.slice(0, names.length - mostEntries)) await rm(join(folder, name), { force: true });
}
