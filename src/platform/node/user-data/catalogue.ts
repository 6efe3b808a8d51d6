/** What is in a folder of videos and pictures: probed once, several files at a time, and remembered on disk. */
import { appendFile, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { CancelledError, InputError, TurboError } from "../../../base/errors.ts";
import { parseCaptions, tidy } from "../../../data/user/captions.ts";
import type { Entry, Rejected } from "../../../data/user/entry.ts";
import { makeFolder } from "../files/make-folder.ts";
import { fileError } from "../video/file-error.ts";
import { isPicture, isVideo, pictureKinds, videoKinds } from "../video/kinds.ts";
import { checkVideo, readImage } from "../video/read.ts";

/** Files that are probed at the same time. */
const atOnce = 4;

export interface ScanOptions {
  /** File that remembers what probing found; a run that was stopped goes on from it. */
  readonly index: string;
  readonly signal?: AbortSignal | undefined;
  readonly report?: ((done: number, count: number) => void) | undefined;
}

export interface Catalogue {
  readonly entries: readonly Entry[];
  readonly rejected: readonly Rejected[];
}

type Found = Entry | Rejected;

/** All videos and pictures below a folder, in the order of their names. */
export async function scanFolder(folder: string, { index, signal, report }: ScanOptions): Promise<Catalogue> {
  const files = await mediaFiles(folder);
  if (!files.length)
    throw new InputError("there are no videos or pictures here", {
      where: folder,
      hint: `${[...videoKinds, ...pictureKinds].join(", ")} files are taken, in folders below too`,
    });
  const known = await readIndex(index);
  await makeFolder(dirname(index));
  const found: Found[] = [];
  let [next, done] = [0, 0];
  const probeNext = async (): Promise<void> => {
    while (next < files.length) {
      const place = next++;
      if (signal?.aborted) throw new CancelledError();
      const file = files[place]!;
      const { size, mtimeMs: modified } = await stat(join(folder, file));
      const before = known.get(file);
      if (before?.size === size && before.modified === modified) found[place] = before;
      else {
        found[place] = await probe(folder, { file, size, modified });
        await appendFile(index, `${JSON.stringify(found[place])}\n`);
      }
      report?.(++done, files.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, probeNext));
  } finally {
    next = files.length; // after a failure the others stop, too
  }
  return {
    entries: found.filter((one): one is Entry => !("reason" in one)),
    rejected: found.filter((one): one is Rejected => "reason" in one),
  };
}

async function mediaFiles(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw fileError(cause, folder, "read");
  });
  return all
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((file) => isVideo(file) || isPicture(file))
    .sort();
}

/** Lines of an index; the last one may be cut off where a run was killed, and is probed again. */
async function readIndex(path: string): Promise<Map<string, Found>> {
  const text = await readFile(path, "utf8").catch(() => "");
  const known = new Map<string, Found>();
  for (const line of text.split("\n")) {
    try {
      const one = JSON.parse(line) as Found;
      known.set(one.file, one);
    } catch {}
  }
  return known;
}

async function probe(folder: string, about: Pick<Entry, "file" | "size" | "modified">): Promise<Found> {
  const path = join(folder, about.file);
  if (about.size === 0) return { ...about, reason: "the file is empty" };
  try {
    if (isPicture(about.file)) {
      const { width, height } = await readImage(path);
      return { ...about, width, height, seconds: 0 };
    }
    const { width, height, seconds } = await checkVideo(path);
    return { ...about, width, height, seconds };
  } catch (cause) {
    // A fault of the machine (no codecs at all, too many open files) is not the file's.
    if (!(cause instanceof TurboError) || (cause.cause as NodeJS.ErrnoException | undefined)?.code) throw cause;
    return { ...about, reason: cause.message.replace(`${path}: `, "") };
  }
}

/** Captions of entries: from a list, relative to its own folder or to the data's, else from NAME.txt beside NAME.mp4. */
export async function captionsOf(
  folder: string,
  entries: readonly Entry[],
  list?: string,
): Promise<Map<string, string>> {
  if (list !== undefined) {
    const text = await readFile(list, "utf8").catch((cause: unknown) => {
      throw fileError(cause, list, "read");
    });
    const captions = parseCaptions(text, list);
    const files = new Set(entries.map(({ file }) => file));
    const below = relative(folder, dirname(list)).split(sep).join("/");
    return new Map(
      [...captions].map(([file, caption]) => [files.has(file) || !below ? file : `${below}/${file}`, caption]),
    );
  }
  const captions = new Map<string, string>();
  for (const { file } of entries) {
    const text = await readFile(join(folder, file.replace(/\.[^.]+$/, ".txt")), "utf8").catch(() => undefined);
    if (text !== undefined && tidy(text)) captions.set(file, tidy(text));
  }
  return captions;
}
