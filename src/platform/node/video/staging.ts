import { rmSync } from "node:fs";
import { link, mkdtemp, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { MediaError } from "../../../base/errors.ts";
import { isThere } from "../files/is-there.ts";
import { makeFolder } from "../files/make-folder.ts";
import { fileError } from "./file-error.ts";

/** Staging folders that still exist: what a process that ends early leaves is removed here. */
const alive = new Set<string>();
/** Folders that a killed process would leave behind. */
export const stagingFolders = (): readonly string[] => [...alive];
process.on("exit", () => {
  for (const folder of alive) rmSync(folder, { recursive: true, force: true });
});

/**
 * A hidden folder beside the output, where files grow until they are complete. `commit` moves them to their names
 * in one step each, so nobody ever sees half a file; `discard` leaves no trace, not even folders made on the way.
 */
export class Staging {
  readonly folder: string;
  /** The topmost folder that had to be made. */
  readonly #made: string | undefined;
  readonly #home: string;

  private constructor(folder: string, home: string, made: string | undefined) {
    this.folder = folder;
    this.#home = home;
    this.#made = made;
    alive.add(folder);
  }

  /** Makes `home` where it is missing and finds out, before any work is done, whether it can be written to. */
  static async open(home: string): Promise<Staging> {
    const target = resolve(home);
    try {
      const made = await makeFolder(target);
      return new Staging(await mkdtemp(join(target, ".turbo2k-")), target, made);
    } catch (cause) {
      throw fileError(cause, home, "write");
    }
  }

  /** Where a file with this name grows. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /**
   * Gives the staged files their names under `home`. Without `force`, an existing file is never touched: where one
   * appeared since the run began, all files get another name (`rename(2)`, `rename(3)`, ...), so that of two runs
   * with one name both keep their work. Returns the attempt that succeeded.
   */
  async commit(names: readonly string[], force: boolean, renamed: (name: string, attempt: number) => string) {
    try {
      for (let attempt = 1; ; attempt++) {
        if (await this.#place(names, force, (name) => (attempt === 1 ? name : renamed(name, attempt)))) {
          await this.#remove();
          return attempt;
        }
      }
    } catch (cause) {
      throw fileError(cause, this.#home, "write");
    }
  }

  /** Removes everything; may be called more than once. */
  async discard(): Promise<void> {
    await this.#remove();
    if (!this.#made) return;
    try {
      for (let folder = this.#home; folder.length >= this.#made.length; folder = dirname(folder)) await rmdir(folder);
    } catch {
      // Somebody else has put a file there by now: then the folder stays.
    }
  }

  async #place(names: readonly string[], force: boolean, rename_: (name: string) => string): Promise<boolean> {
    const placed: string[] = [];
    for (const name of names) {
      const target = join(this.#home, rename_(name));
      if (force) await rename(this.path(name), target);
      else if (await moveNew(this.path(name), target)) placed.push(target);
      else {
        for (const path of placed) await rm(path, { force: true });
        return false;
      }
    }
    return true;
  }

  async #remove(): Promise<void> {
    alive.delete(this.folder);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Gives a file a second name; false where the name is taken. The first name goes with the staging folder. */
async function moveNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to); // fails where `to` exists, unlike rename
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // FAT and some network file systems have no links: take the name with an empty file, then replace that.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"].includes(code ?? "")) throw cause;
  }
  try {
    await (await open(to, "wx")).close();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
  await rename(from, to);
  return true;
}

/** Throws where a file would have to be overwritten. */
export async function refuseExisting(path: string): Promise<void> {
  if (await isThere(path))
    throw new MediaError("exists already", { where: path, hint: "pass --force, or another name" });
}

/** The names in a folder; none where it does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

/** `a/clip.mp4` to `a/clip-2.mp4`. */
export function numbered(path: string, count: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${count}${extension}`);
}
