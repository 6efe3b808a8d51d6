/** SHA-256 of files, without reading where it is known: hashing 14 GB takes longer than a step. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type ContentHash, knownHash } from "../../../base/content-hash.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import { writeFileAtomically } from "../files/atomic-file.ts";
import { cacheFolder } from "./folder.ts";

export interface HashOptions {
  /** Where hashes are kept. */
  readonly folder?: string;
  /** Bytes below which a file is read at once, each time. */
  readonly small?: number;
  readonly signal?: AbortSignal;
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** The files that a checkpoint's tensors lie in, in the order of their names: all shards, and no variant beside them. */
export const filesOf = ({ tensors }: Pick<Checkpoint, "tensors">): string[] =>
  [...new Set([...tensors.values()].map(({ source }) => source.name))].sort();

/** The hash of a file's bytes; of several files that of their hashes, a line each. */
export async function hashFiles(paths: readonly string[], options: HashOptions = {}): Promise<string> {
  const hashes: string[] = [];
  for (const path of paths) hashes.push(await hashFile(path, options));
  return combined(hashes);
}

/** The same, known at once where nothing large has to be read for it. */
export async function openHash(paths: readonly string[], options: HashOptions = {}): Promise<ContentHash> {
  const marks = await Promise.all(paths.map((path) => markOf(path, options)));
  if (marks.every(isHash)) return knownHash(combined(marks));
  const stopping = new AbortController();
  let hash: Promise<string> | undefined;
  return {
    identity: digest(marks.join("\n")),
    sha256() {
      hash ??= hashFiles(paths, { ...options, signal: stopping.signal });
      hash.catch(() => {}); // whoever waits for it hears of it
      return hash;
    },
    stop: () => stopping.abort(),
  };
}

const combined = (hashes: readonly string[]): string => (hashes.length === 1 ? hashes[0]! : digest(hashes.join("\n")));

/** A file's hash where it costs nothing, or else what the disk says of it. */
async function markOf(path: string, { small = 256e6 }: HashOptions): Promise<string> {
  const blob = await realpath(path);
  // The hub's cache names large files by their hash.
  if (basename(dirname(blob)) === "blobs" && isHash(basename(blob))) return basename(blob);
  const { size, mtimeNs, ctimeNs, ino, dev } = await stat(path, { bigint: true });
  if (size < small) return hashBytes(path);
  // Any change of a file, or another file under its name, is another one.
  return [resolve(path), size, mtimeNs, ctimeNs, ino, dev].join();
}

async function hashFile(path: string, options: HashOptions): Promise<string> {
  const { folder = join(cacheFolder(), "hashes"), signal } = options;
  const mark = await markOf(path, options);
  if (isHash(mark)) return mark;
  const entry = join(folder, digest(mark));
  const known = await readFile(entry, "utf8").catch(() => "");
  if (isHash(known)) return known;
  const hash = await hashBytes(path, signal);
  await writeFileAtomically(entry, [new TextEncoder().encode(hash)]).catch(() => {});
  return hash;
}

async function hashBytes(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
