import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import jpeg from "jpeg-js";
import { BufferTarget, Mp4OutputFormat, Output, Quality, VideoSample, VideoSampleSource } from "mediabunny";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Frame, planarToFrames } from "../../../video/frame.ts";
import { encodePng } from "../../../video/png.ts";
import { frameToI420 } from "../../../video/yuv.ts";
import { registerCodecs } from "../video/codecs.ts";
import { readImage, readVideo } from "../video/read.ts";
import { collect, psnr, smoothClip } from "../video/testing.ts";
import { writeVideo } from "../video/write.ts";
import { type Catalogue, captionsOf, scanFolder } from "./catalogue.ts";
import { FolderClips } from "./folder-clips.ts";

const [width, height] = [96, 64];
const frames = smoothClip(24, width, height);
let folder: string, index: string, catalogue: Catalogue;
const file = (name: string) => join(folder, name);
const scan = () => scanFolder(folder, { index });

/** An mp4 whose frames come at times of one's choice and that asks to be turned. */
async function writeSpecial(path: string, times: readonly number[], rotation: 0 | 90 = 0): Promise<void> {
  await registerCodecs();
  const target = new BufferTarget();
  const output = new Output({ format: new Mp4OutputFormat(), target });
  const source = new VideoSampleSource({ codec: "avc", quality: new Quality({ quantizer: 12, bitrate: 2e6 }) });
  output.addVideoTrack(source, { rotation });
  await output.start();
  for (const [at, timestamp] of times.entries()) {
    const duration = (times[at + 1] ?? timestamp + 0.1) - timestamp;
    const data = frameToI420(frames[at]!);
    const sample = new VideoSample(data, {
      format: "I420",
      codedWidth: width,
      codedHeight: height,
      timestamp,
      duration,
    });
    await source.add(sample);
    sample.close();
  }
  await output.finalize();
  await writeFile(path, new Uint8Array(target.buffer!));
}

/** A JPEG with an Exif segment that says how it is to be turned. */
function orientedJpeg({ width, height, data }: Frame, orientation: number): Buffer {
  const rgba = Buffer.alloc(width * height * 4, 255);
  for (let pixel = 0; pixel < width * height; pixel++) rgba.set(data.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
  const plain = jpeg.encode({ width, height, data: rgba }, 95).data;
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const body = [...Buffer.from("Exif\0\0", "latin1"), ...tiff];
  return Buffer.concat([
    plain.subarray(0, 2),
    Buffer.from([0xff, 0xe1, 0, body.length + 2, ...body]),
    plain.subarray(2),
  ]);
}

beforeAll(async () => {
  const home = await mkdtemp(join(tmpdir(), "turbo2k-data-"));
  [folder, index] = [join(home, "data"), join(home, "catalogue.jsonl")];
  await mkdir(join(folder, "more"), { recursive: true });
  const options = { width, height, fps: 12 };
  await writeVideo(file("good.mp4"), frames, options);
  await writeVideo(file("more/bare.webm"), frames, options);
  await writeSpecial(file("variable.mp4"), [0, 0.1, 0.15, 0.5, 0.55, 0.6, 1.2, 1.3, 2]);
  await writeSpecial(file("rotated.mp4"), [0, 0.1, 0.2, 0.3], 90);
  await copyFile(join(import.meta.dirname, "fixtures", "hevc-10-bit.mp4"), file("ten.mp4"));
  await writeFile(file("empty.mp4"), "");
  await writeFile(file("cut.mp4"), (await readFile(file("good.mp4"))).subarray(0, -2000));
  await writeFile(file("text.mov"), "This is no video at all, only a text that is a little longer than a header.");
  await writeFile(file("picture.png"), encodePng(frames[0]!));
  await writeFile(file("photo.jpg"), orientedJpeg(frames[0]!, 6));
  await writeFile(file("broken.jpeg"), orientedJpeg(frames[0]!, 1).subarray(0, 300));
  await writeFile(file("good.txt"), "soft colours\ndrift\n");
  await writeFile(file("ten.txt"), "word ".repeat(10_000));
  await writeFile(file("picture.txt"), " \n");
  await writeFile(file("notes.md"), "not media");
  catalogue = await scan();
});
afterAll(() => rm(join(folder, ".."), { recursive: true, force: true }));

describe("probing", () => {
  test("finds what can be used, below folders too, as it is shown", () => {
    expect(catalogue.entries.map(({ file, width, height }) => [file, width, height])).toEqual([
      ["good.mp4", 96, 64],
      ["more/bare.webm", 96, 64],
      ["photo.jpg", 64, 96],
      ["picture.png", 96, 64],
      ["rotated.mp4", 64, 96],
      ["ten.mp4", 64, 48],
      ["variable.mp4", 96, 64],
    ]);
    const seconds = new Map(catalogue.entries.map((entry) => [entry.file, entry.seconds]));
    expect(seconds.get("good.mp4")).toBeCloseTo(2, 2);
    expect(seconds.get("variable.mp4")).toBeCloseTo(2.1, 2);
    expect(seconds.get("ten.mp4")).toBeCloseTo(0.5, 2);
    expect(seconds.get("picture.png")).toBe(0);
  });

  test("says why a file cannot be used", () => {
    expect(Object.fromEntries(catalogue.rejected.map(({ file, reason }) => [file, reason]))).toEqual({
      "empty.mp4": "the file is empty",
      "cut.mp4": expect.stringMatching(/damaged|cut off/),
      "text.mov": expect.stringContaining("not a video of a known kind"),
      "broken.jpeg": expect.stringContaining("jpeg is damaged"),
    });
  });

  test("is done once; what changed, or was not written down to its end, is probed again", async () => {
    const lines = (await readFile(index, "utf8")).trim().split("\n");
    expect(lines.length).toBe(11);
    expect(await scan()).toEqual(catalogue);
    expect((await readFile(index, "utf8")).trim().split("\n").length).toBe(11);
    await utimes(file("picture.png"), new Date(0), new Date(0));
    await appendFile(index, '{"file": "good.mp4", "si');
    expect((await scan()).entries.find(({ file }) => file === "picture.png")!.modified).toBe(0);
    expect((await readFile(index, "utf8")).split("\n").length).toBeGreaterThan(12);
    expect(await scan()).toEqual(await scan());
  });

  test("ends with the first fault that is not a file's", async () => {
    let reports = 0;
    const report = () => {
      if (++reports === 1) throw new Error("stop");
    };
    await expect(scanFolder(folder, { index: file("index-stopped.jsonl"), report })).rejects.toThrow("stop");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(reports).toBeLessThanOrEqual(4);
  });

  test("refuses folders that are missing or hold no media", async () => {
    await expect(scanFolder(file("none"), { index })).rejects.toThrow("no such file or folder");
    await mkdir(file("nothing"));
    await expect(scanFolder(file("nothing"), { index })).rejects.toThrow("no videos or pictures");
  });
});

describe("reading", () => {
  test("a 10-bit HEVC file gives 8-bit frames", async () => {
    const read = await collect(readVideo(file("ten.mp4")));
    expect(read.length).toBe(6);
    // A ramp of luma from left to right over the whole range, with blue that grows from frame to frame.
    for (const x of [4, 20, 40, 60])
      expect(Math.abs(read[0]!.data[(24 * 64 + x) * 3 + 1]! - (255 * (x + 0.5)) / 64)).toBeLessThan(4);
    expect(read[5]!.data[(24 * 64 + 20) * 3 + 2]! - read[0]!.data[(24 * 64 + 20) * 3 + 2]!).toBeGreaterThan(30);
  });

  test("a variable rate becomes a constant one", async () => {
    const read = await collect(readVideo(file("variable.mp4"), { fps: 10 }));
    expect(read.length).toBe(21);
    const shown = [0, 1, 2, 2, 2, 3, 5, 5, 5, 5, 5, 5, 6, 7, 7, 7, 7, 7, 7, 7, 8];
    const nearest = (one: Frame) => {
      const alike = frames.slice(0, 9).map((frame) => psnr([frame], [one]));
      return alike.indexOf(Math.max(...alike));
    };
    expect(read.map(nearest)).toEqual(shown);
  });

  test("a file can be read from a time on", async () => {
    for (const from of [0.25, 1, 1.5]) {
      const read = await collect(readVideo(file("good.mp4"), { fps: 12, from, limit: 3 }));
      expect(psnr(frames.slice(from * 12, from * 12 + 3), read)).toBeGreaterThan(33);
    }
    await expect(collect(readVideo(file("good.mp4"), { from: -1 }))).rejects.toThrow("from -1 seconds");
  });

  test("pictures and videos are turned as they ask", async () => {
    const turned = (x: number, y: number) => frames[0]!.data.subarray(((height - 1 - x) * width + y) * 3)[0]!;
    for (const frame of [await readImage(file("photo.jpg")), (await collect(readVideo(file("rotated.mp4"))))[0]!]) {
      expect([frame.width, frame.height]).toEqual([height, width]);
      for (const [x, y] of [
        [5, 5],
        [50, 10],
        [30, 90],
      ] as const)
        expect(Math.abs(frame.data[(y * height + x) * 3]! - turned(x, y))).toBeLessThan(12);
    }
  });
});

describe("captions", () => {
  test("stand in a text beside the file; an empty one is none", async () => {
    const captions = await captionsOf(folder, catalogue.entries);
    expect([...captions.keys()]).toEqual(["good.mp4", "ten.mp4"]);
    expect(captions.get("good.mp4")).toBe("soft colours drift");
    expect(captions.get("ten.mp4")!.split(" ").length).toBe(10_000);
  });

  test("or in a list, relative to it or to the folder", async () => {
    await writeFile(file("more/list.csv"), "file,caption\nbare.webm,one\ngood.mp4,two\n");
    const captions = await captionsOf(folder, catalogue.entries, file("more/list.csv"));
    expect(captions).toEqual(
      new Map([
        ["more/bare.webm", "one"],
        ["good.mp4", "two"],
      ]),
    );
    await expect(captionsOf(folder, catalogue.entries, file("none.csv"))).rejects.toThrow("no such file");
  });
});

describe("clips of a folder", () => {
  const picture = { width: 48, height: 32, frames: 9 };
  const open = async (seed = 3) =>
    new FolderClips(
      {
        folder,
        entries: catalogue.entries,
        captions: await captionsOf(folder, catalogue.entries),
        limits: { fps: 12, enlarge: 1, crop: 0.2 },
      },
      seed,
    );

  test("are windows of the files that are long enough and of the right shape", async () => {
    const clips = await open();
    expect(clips.count(picture)).toBe(3);
    expect(clips.count({ ...picture, frames: 1 })).toBe(5);
    expect(() => clips.count({ ...picture, frames: 99 })).toThrow(
      /none of 7 files can give clips of 48x32x99; good\.mp4: 24 frames/,
    );
    for (let at = 0; at < 3; at++) {
      const pixels = await clips.pixels(at, picture);
      expect(pixels).toEqual(await (await open()).pixels(at, picture));
      expect(planarToFrames(pixels, 9, 32, 48).length).toBe(9);
      const said = clips.caption(at, picture);
      expect(["soft colours drift", ""]).toContain(said);
    }
    expect(new Set([0, 1, 2].map((at) => clips.caption(at, picture))).size).toBe(2);
  });

  test("have another name when a file changes, and another order in a sibling", async () => {
    const clips = await open();
    expect((await open()).id).toBe(clips.id);
    expect(clips.sibling(1).id).not.toBe(clips.id);
    const changed = catalogue.entries.map((entry, at) => (at ? entry : { ...entry, size: entry.size + 1 }));
    expect(new FolderClips({ ...clips.data, entries: changed }, 3).id).not.toBe(clips.id);
  });

  test("are cropped anywhere, and know no objects", async () => {
    const request = { pictures: [{ ...picture, frames: 9 }], crop: { width: 32, height: 32, frames: 5 }, centred: 0.8 };
    const { pixels, mask } = await (await open()).crop(4, request);
    expect([pixels.length, mask.length]).toEqual([3 * 5 * 32 * 32, 5 * 32 * 32]);
    expect(mask.every((value) => value === 0)).toBe(true);
  });

  test("whose file shrank behind their back say so", async () => {
    const clips = await open();
    const long = catalogue.entries.map((entry) => ({ ...entry, seconds: entry.seconds && 60 }));
    const stale = new FolderClips({ ...clips.data, entries: long }, 3);
    const failures = await Promise.all(
      [0, 1, 2].map((at) => stale.pixels(at, picture).catch((error: Error) => error.message)),
    );
    expect(failures.some((failure) => /expected 9 frames|ends before/.test(String(failure)))).toBe(true);
  });
});
