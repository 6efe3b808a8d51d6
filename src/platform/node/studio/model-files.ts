import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hrModule, moduleNames } from "../../../pipelines/assemble.ts";
import { type ModelFiles, modelFilesName } from "../../../schema/model-files.ts";
import { openModule } from "../models/diffusers-folder.ts";

/** What a page must know of a model's folder to fetch it: every file of it, in the order of their names. */
export async function modelFilesOf(folder: string): Promise<ModelFiles> {
  const files: ModelFiles["files"] = [];
  for (const path of await pathsIn(folder)) {
    const file = join(folder, path);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
    files.push({ path, bytes: (await stat(file)).size, sha256: hash.digest("hex") });
  }
  const names = [...moduleNames, hrModule].filter((name) => files.some(({ path }) => path.startsWith(`${name}/`)));
  const modules = await Promise.all(
    names.map(async (name) => {
      const { checkpoint, hash } = await openModule(join(folder, name));
      await checkpoint.close();
      return [name, await hash.sha256()] as const;
    }),
  );
  return { files, modules: Object.fromEntries(modules) };
}

async function pathsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /\.(json|safetensors)$/.test(name) && name !== modelFilesName)
    .sort();
}
