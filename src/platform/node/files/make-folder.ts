import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those above it that are missing, and answers the topmost that it made. Node's own way
 * (`recursive`) tries for ever where a folder takes none, as /proc does.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const target = resolve(path);
  if (await isFolder(target)) return undefined;
  const above = dirname(target);
  const made = above === target ? undefined : await makeFolder(above);
  try {
    await mkdir(target);
    return made ?? target;
  } catch (cause) {
    if (await isFolder(target)) return made; // somebody else was faster
    throw cause;
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
