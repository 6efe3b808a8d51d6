import type { Command } from "commander";
import { isThere } from "../platform/node/files/is-there.ts";
import { findModel } from "../platform/node/hub/find-model.ts";
import { modelId, parseModelId } from "../platform/node/hub/model-id.ts";
import { type PullEvent, pull } from "../platform/node/hub/pull.ts";
import type { Terminal } from "./terminal.ts";
import { bytes } from "./units.ts";

interface Flags {
  readonly revision?: string;
  readonly include?: string[];
  readonly all?: boolean;
  readonly json?: boolean;
}

/** `turbo2k pull HUB_ID`. */
export function addPull(program: Command, terminal: Terminal): void {
  program
    .command("pull")
    .argument("<model>", "ORG/NAME of a hub, or ORG/NAME/FILE.safetensors")
    .description("download a model into the cache that the Python tools use as well")
    .option("--revision <name>", "branch, tag or commit (default: main)")
    .option("--include <pattern...>", "these files (* and ? stand for anything) in place of what the model needs")
    .option("--all", "every file of the repository")
    .option("--json", "print one JSON object on stdout")
    .action(async (model: string, { revision, include, all, json }: Flags) => {
      const id = modelId(model, revision);
      const path = await followPull(pull(id, { include, all, signal: terminal.signal }), id.name, terminal);
      terminal.out(json ? JSON.stringify({ model: id.name, revision: id.revision, path }) : path);
    });
}

/** Downloads a model that is named by its hub's id and not here yet; does nothing for folders, files and `mini`. */
export async function fetchModel(name: string | undefined, terminal: Terminal): Promise<void> {
  const id = name === undefined || (await isThere(name)) ? undefined : parseModelId(name);
  if (id) await followPull(findModel(id, { signal: terminal.signal }), id.name, terminal);
}

async function followPull(
  events: AsyncGenerator<PullEvent, string>,
  name: string,
  terminal: Terminal,
): Promise<string> {
  let next = await events.next();
  for (; !next.done; next = await events.next()) {
    const event = next.value;
    if (event.type === "plan") {
      const missing = event.files.filter(({ cached }) => !cached);
      const here = event.cachedBytes > 0 ? `, ${bytes(event.cachedBytes)} of it here` : "";
      terminal.note(
        `${name} at ${event.commit.slice(0, 8)}: ${event.files.length} files, ${bytes(event.bytes)}${here}`,
      );
      for (const { path, size } of missing) terminal.note(`  ${path} ${bytes(size)}`);
    } else if (event.type === "notice") terminal.note(`note: ${event.text}`);
    else {
      const mega = (count: number): number => Math.floor(count / 1e6);
      terminal.progress(
        "download MB",
        mega(event.done),
        mega(event.of),
        `${(event.bytesPerSecond / 1e6).toFixed(1)} MB/s`,
      );
    }
  }
  return next.value;
}
