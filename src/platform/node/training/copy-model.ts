/** Parts of a finished model as they go into another one's folder. */
import { createReadStream } from "node:fs";
import { lstat, readdir, realpath, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../files/atomic-file.ts";
import { makeFolder } from "../files/make-folder.ts";

interface CopyOptions {
  /** What of the folder is copied, by name; all when left out. */
  readonly only?: readonly string[];
  /** What of it stays out. */
  readonly except?: readonly string[];
}

/**
 * Copies a model's folder file by file. Links are followed, as a hub's cache is made of them, and nothing in the target
 * stays one: nothing is ever written through a link. A folder that is its own target is left as it is.
 */
export async function copyModel(folder: string, target: string, { only, except }: CopyOptions = {}): Promise<void> {
  await makeFolder(target);
  if ((await realpath(folder)) === (await realpath(target))) return;
  for (const name of await readdir(folder)) {
    if (except?.includes(name) || only?.includes(name) === false) continue;
    const [from, to] = [join(folder, name), join(target, name)];
    if ((await lstat(to).catch(() => undefined))?.isSymbolicLink()) await rm(to);
    if ((await stat(from)).isDirectory()) await copyModel(from, to);
    else await writeFileAtomically(to, createReadStream(from, { highWaterMark: 2 ** 20 }));
  }
}
