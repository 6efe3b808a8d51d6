/** SHA-256 of large files, remembered for as long as they do not change: hashing 14 GB takes longer than a step. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "../files/atomic-file.ts";
import { cacheFolder } from "./folder.ts";

/** Smaller ones are hashed each time. */
const large = 256e6;

/** The hash of the files' bytes, one after another. */
export async function hashFiles(paths: readonly string[], folder = join(cacheFolder(), "hashes")): Promise<string> {
  const stats = await Promise.all(paths.map((path) => stat(path, { bigint: true })));
  const isSmall = stats.reduce((sum, { size }) => sum + Number(size), 0) < large;
  if (isSmall) return hashBytes(paths);
  // Any change of a file, or another file under its name, is another entry.
  const identity = stats.map(({ size, mtimeNs, ctimeNs, ino, dev }, i) =>
    [resolve(paths[i]!), size, mtimeNs, ctimeNs, ino, dev].join(),
  );
  const entry = join(folder, createHash("sha256").update(identity.join("\n")).digest("hex"));
  const known = await readFile(entry, "utf8").catch(() => "");
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const hash = await hashBytes(paths);
  await writeFileAtomically(entry, [new TextEncoder().encode(hash)]).catch(() => {});
  return hash;
}

async function hashBytes(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths)
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
