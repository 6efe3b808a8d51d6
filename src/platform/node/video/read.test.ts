import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MediaError } from "../../../base/errors.ts";
import { fileError } from "./file-error.ts";
import { defaultOutputPath, sequenceName } from "./output-path.ts";
import { probeVideo, readReceipt, readVideo } from "./read.ts";
import { collect, inFolder, psnr, sampleReceipt, smoothClip } from "./testing.ts";
import { writeVideo } from "./write.ts";

const frames = smoothClip(24, 128, 64);
let folder: string;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-test-"));
  const options = { width: 128, height: 64, fps: 24 };
  for (const name of ["clip.mp4", "clip.webm", "clip.gif", "clip.png", "%02d.png"])
    await writeVideo(file(name), frames, options, (hash) => sampleReceipt(hash));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("frames are decoded only as they are asked for", async () => {
  const reading = readVideo(file("clip.mp4"));
  const first = await reading.next();
  expect(psnr([frames[0]!], [first.value!])).toBeGreaterThan(34);
  await reading.return(undefined);
  expect((await collect(readVideo(file("clip.mp4"), { limit: 3 }))).length).toBe(3);
});

test("frames can be resized, and cropped to the new shape", async () => {
  const small = await collect(readVideo(file("clip.mp4"), { width: 32, height: 32, limit: 2 }));
  expect(small.map(({ width, height }) => [width, height])).toEqual([
    [32, 32],
    [32, 32],
  ]);
});

test.each([
  [12, 12],
  [24, 24],
  [48, 48],
  [10, 10],
])("one second at %d frames a second is %d frames", async (fps, count) => {
  const read = await collect(readVideo(file("clip.mp4"), { fps }));
  expect(read.length).toBe(count);
  const middle = Math.floor(count / 2);
  expect(psnr([frames[Math.floor((middle / fps) * 24)]!], [read[middle]!])).toBeGreaterThan(32);
});

describe.each(["clip.mp4", "clip.webm"])("a damaged %s", (name) => {
  test.each([0, 7, 60, 400, 0.3, 0.7, 0.98])("cut to %d is an error that names the file", async (part) => {
    const path = file(`cut-${part}-${name}`);
    const bytes = await readFile(file(name));
    await writeFile(path, bytes.subarray(0, part < 1 ? Math.floor(bytes.length * part) : part));
    const failure = await collect(readVideo(path)).catch((error) => error);
    expect(failure).toBeInstanceOf(MediaError);
    expect(failure.message).toContain(path);
  });

  test("with noise inside never fails in another way", async () => {
    const good = await readFile(file(name));
    for (let seed = 1; seed <= 12; seed++) {
      const bytes = Buffer.from(good);
      for (let count = 0; count < 40; count++)
        bytes[Math.floor(((Math.sin(seed * 1000 + count) + 1) / 2) * Math.min(bytes.length, 3000))] =
          (seed * count) & 255;
      const path = file(`noise-${seed}-${name}`);
      await writeFile(path, bytes);
      for (const work of [() => collect(readVideo(path)), () => probeVideo(path), () => readReceipt(path)]) {
        const failure = await work().catch((error: unknown) => error);
        if (failure instanceof Error) expect(failure).toMatchObject({ where: expect.stringContaining(path) });
      }
    }
  });
});

test.each(["clip.gif", "clip.png", "00.png"])("a cut %s is an error that names the file", async (name) => {
  const path = file(`cut-${name}`);
  const bytes = await readFile(file(name));
  for (const length of [0, 5, 20, bytes.length >> 1, bytes.length - 1]) {
    await writeFile(path, bytes.subarray(0, length));
    await expect(readReceipt(path)).rejects.toThrow(path);
  }
  await rm(path);
});

test("a file that is missing, or no video, is said in words", async () => {
  await expect(collect(readVideo(file("none.mp4")))).rejects.toThrow("no such file");
  await expect(readReceipt(file("none.mp4"))).rejects.toThrow("no such file");
  await writeFile(file("text.mp4"), "This is no video at all, only a text that is a little longer than a header.");
  await expect(collect(readVideo(file("text.mp4")))).rejects.toThrow("not a video of a known kind");
  await expect(readReceipt(file("text.mp4"))).rejects.toThrow("not a video of a known kind");
});

test("the comment of a file by another program is not taken for a receipt", async () => {
  const path = file("foreign.mp4");
  const bytes = await readFile(file("clip.mp4"));
  bytes.write('{"no', bytes.indexOf('{"engine"'));
  await writeFile(path, bytes);
  await expect(readReceipt(path)).rejects.toThrow(/receipt is not/);
});

test("a full disk and a read-only folder are said in words, with a hint", () => {
  const error = (code: string) => fileError(Object.assign(new Error(code), { code }), "out.mp4", "write");
  expect(error("ENOSPC")).toMatchObject({ message: "out.mp4: cannot write: the disk is full", exitCode: 5 });
  expect(error("EROFS")).toMatchObject({ message: expect.stringContaining("read-only"), exitCode: 1 });
  expect(error("EACCES")).toMatchObject({ hint: expect.stringContaining("another one") });
  expect(error("ENEW")).toMatchObject({ message: "out.mp4: cannot write: ENEW" });
});

test("the default path has the date, the prompt's words, the seed, and a counter when taken", () =>
  inFolder(async (home) => {
    const options = { folder: home, now: new Date(2025, 0, 31) };
    const path = await defaultOutputPath("A red BALL, rolling: left!", 42, options);
    expect(path).toBe(join(home, "2025-01-31", "a-red-ball-rolling-left-42.mp4"));
    await writeVideo(path, frames.slice(0, 1), { width: 128, height: 64, fps: 24 });
    expect(await defaultOutputPath("A red BALL, rolling: left!", 42, options)).toMatch(/-42-2\.mp4$/);
    expect(await defaultOutputPath("一只红色的球 🐱", 1, options)).toMatch(/一只红色的球-1\.mp4$/);
    expect(await defaultOutputPath("🐱 ../..", 1, options)).toMatch(/31.video-1\.mp4$/);
    expect((await defaultOutputPath("word ".repeat(99), 1, options)).length).toBeLessThan(home.length + 80);
  }));

test("frame numbers are padded as the pattern says", () => {
  expect(sequenceName("%05d.png", 7)).toBe("00007.png");
  expect(sequenceName("a-%d.png", 123)).toBe("a-123.png");
});
