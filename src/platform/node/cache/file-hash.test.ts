import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashFiles, openHash } from "./file-hash.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "turbo2k-hash-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const file = async (name: string, text: string) => {
  const path = join(root, name);
  await writeFile(path, text);
  return path;
};

test("a large file is read when its hash is asked for, once, and again when it has changed", async () => {
  const options = { folder: join(root, "hashes"), small: 0 };
  const path = await file("large", "first");
  const hash = await openHash([path], options);
  expect(hash.identity).not.toBe(sha256("first"));
  await expect(readdir(options.folder)).rejects.toThrow();
  expect(await hash.sha256()).toBe(sha256("first"));
  const [entry] = await readdir(options.folder);
  // What is kept is believed: the file is not read again.
  await writeFile(join(options.folder, entry!), sha256("kept"));
  const again = await openHash([path], options);
  expect(again.identity).toBe(hash.identity);
  expect(await again.sha256()).toBe(sha256("kept"));
  await file("large", "other");
  await utimes(path, 1, 2);
  const changed = await openHash([path], options);
  expect(changed.identity).not.toBe(hash.identity);
  expect(await changed.sha256()).toBe(sha256("other"));
});

test("a file of the hub's cache has its hash for a name; small files are read at once", async () => {
  const name = sha256("what was downloaded");
  await mkdir(join(root, "blobs"));
  const blob = await file(join("blobs", name), "not read");
  await symlink(blob, join(root, "model.safetensors"));
  const hash = await openHash([join(root, "model.safetensors")], { small: 0 });
  expect([hash.identity, await hash.sha256()]).toEqual([name, name]);
  const small = await openHash([await file("small", "few bytes")]);
  expect(small.identity).toBe(sha256("few bytes"));
});

test("shards have the hash of their hashes; what was given up is not an error until it is waited for", async () => {
  const options = { folder: join(root, "more"), small: 0 };
  const paths = [await file("a", "1"), await file("b", "2")];
  expect(await hashFiles(paths, options)).toBe(sha256(`${sha256("1")}\n${sha256("2")}`));
  const hash = await openHash([await file("c", "3")], options);
  hash.stop!();
  await expect(hash.sha256()).rejects.toThrow(/abort/i);
});
