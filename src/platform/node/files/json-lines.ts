/** Files of a JSON value a line, as they are appended to: a process may be killed in the middle of one. */
import { readFile, truncate } from "node:fs/promises";

/** The values of the whole lines. */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  return valuesOf((await readFile(path).catch(() => undefined)) ?? Buffer.alloc(0));
}

/** The same for whoever goes on writing: half a line at the end is cut off, so that the next one begins anew. */
export async function openJsonLines<T>(path: string): Promise<T[]> {
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes) return [];
  const end = wholeOf(bytes);
  if (end < bytes.length) await truncate(path, end);
  return valuesOf(bytes);
}

const wholeOf = (bytes: Buffer): number => bytes.lastIndexOf("\n") + 1;

const valuesOf = <T>(bytes: Buffer): T[] =>
  bytes
    .toString("utf8", 0, wholeOf(bytes))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
