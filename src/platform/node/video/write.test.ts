import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashFrames } from "../../../video/hash.ts";
import { probeVideo, readImage, readReceipt, readVideo } from "./read.ts";
import { collect, inFolder, psnr, sampleReceipt, smoothClip } from "./testing.ts";
import { openVideoWriter, writeVideo } from "./write.ts";

const frames = smoothClip(25, 160, 96);
const options = { width: 160, height: 96, fps: 24, title: "一只红色的球" };

describe.each(["clip.mp4", "clip.webm"])("a %s", (name) => {
  test("comes back with its frames, its rate and its receipt", () =>
    inFolder(async (folder) => {
      const path = join(folder, name);
      const written = await writeVideo(path, frames, options, (hash) => sampleReceipt(hash));
      expect(written).toEqual({ path, frames: 25, framesSha256: await hashFrames(frames) });
      expect(await probeVideo(path)).toMatchObject({ width: 160, height: 96, frames: 25, fps: 24 });
      const back = await collect(readVideo(path));
      expect(back.length).toBe(25);
      expect(psnr(frames, back)).toBeGreaterThan(34);
      expect(await readReceipt(path)).toEqual(sampleReceipt(written.framesSha256));
      expect(await readdir(folder)).toEqual([name]);
    }));

  test("may be empty of receipts and have any rate", () =>
    inFolder(async (folder) => {
      const path = join(folder, name);
      await writeVideo(path, frames, { ...options, fps: 30000 / 1001 });
      expect(await probeVideo(path)).toMatchObject({ frames: 25, fps: expect.closeTo(30000 / 1001, 8) });
      await expect(readReceipt(path)).rejects.toThrow("there is no receipt in this file");
    }));

  test("of odd size is refused at once, with the next even size", () =>
    inFolder(async (folder) => {
      const opening = openVideoWriter(join(folder, "new", name), { ...options, width: 161 });
      await expect(opening).rejects.toMatchObject({ exitCode: 2, hint: expect.stringContaining("160x96") });
      expect(await readdir(folder)).toEqual([]);
    }));
});

test("an mp4 has its index before its pictures and says that its colours are BT.709", () =>
  inFolder(async (folder) => {
    const { path } = await writeVideo(join(folder, "clip.mp4"), frames, options);
    const bytes = await readFile(path);
    expect(bytes.indexOf("moov")).toBeLessThan(bytes.indexOf("mdat"));
    const colr = bytes.indexOf("colrnclx");
    expect([...bytes.subarray(colr + 8, colr + 15)]).toEqual([0, 1, 0, 1, 0, 1, 0]);
  }));

test("pure colours keep their hue through an mp4", () =>
  inFolder(async (folder) => {
    const colors = [0xff0000, 0x00ff00, 0x0000ff, 0xffffff, 0x000000, 0x808080].map((rgb) => {
      const data = new Uint8Array(64 * 64 * 3);
      for (let at = 0; at < data.length; at += 3) data.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255], at);
      return { width: 64, height: 64, data };
    });
    const { path } = await writeVideo(join(folder, "clip.mp4"), colors, { width: 64, height: 64, fps: 8 });
    const back = await collect(readVideo(path));
    for (const [index, color] of colors.entries())
      for (let channel = 0; channel < 3; channel++)
        expect(Math.abs(back[index]!.data[6000 + channel]! - color.data[channel]!)).toBeLessThanOrEqual(5);
  }));

test("a gif carries its receipt", () =>
  inFolder(async (folder) => {
    const path = join(folder, "clip.gif");
    const { framesSha256 } = await writeVideo(path, frames, options, (hash) => sampleReceipt(hash));
    expect(await readReceipt(path)).toEqual(sampleReceipt(framesSha256));
  }));

test("a series of png keeps every byte, and every picture has the receipt", () =>
  inFolder(async (folder) => {
    const path = join(folder, "frames/%05d.png");
    const { framesSha256 } = await writeVideo(path, frames, options, (hash) => sampleReceipt(hash));
    expect(await hashFrames(readVideo(path))).toBe(framesSha256);
    expect(await hashFrames(readVideo(join(folder, "frames")))).toBe(framesSha256);
    for (const name of ["00000.png", "00024.png"])
      expect(await readReceipt(join(folder, "frames", name))).toEqual(sampleReceipt(framesSha256));
    expect((await readdir(join(folder, "frames"))).length).toBe(25);
  }));

test("a single png is a contact sheet of a clip, and the picture itself of one frame", () =>
  inFolder(async (folder) => {
    const sheet = join(folder, "sheet.png");
    const { framesSha256 } = await writeVideo(sheet, frames, options, (hash) => sampleReceipt(hash));
    expect(await readReceipt(sheet)).toEqual(sampleReceipt(framesSha256));
    expect((await readImage(sheet)).width).toBeGreaterThan(4 * 160);
    const one = join(folder, "one.png");
    await writeVideo(one, frames.slice(0, 1), options);
    expect(await readImage(one)).toEqual(frames[0]);
  }));

describe.each(["a/b/clip.mp4", "a/b/clip.webm", "a/b/clip.gif", "a/b/clip.png", "a/b/%03d.png"])(
  "writing %s",
  (name) => {
    test("leaves nothing after abort, not even folders", () =>
      inFolder(async (folder) => {
        const writer = await openVideoWriter(join(folder, name), options);
        await writer.write(frames[0]!);
        await writer.abort();
        await writer.abort();
        expect(await readdir(folder)).toEqual([]);
        await expect(writer.write(frames[0]!)).rejects.toThrow("closed");
      }));

    test("leaves nothing after a frame of the wrong size", () =>
      inFolder(async (folder) => {
        const writer = await openVideoWriter(join(folder, name), options);
        await writer.write(frames[0]!);
        const wrong = { ...frames[0]!, width: 80, height: 192 };
        if (/mp4|webm|gif/.test(name)) {
          await expect(writer.write(wrong)).rejects.toThrow("80x192");
          expect(await readdir(folder)).toEqual([]);
        } else await writer.abort();
      }));

    test("leaves nothing when there was no frame", () =>
      inFolder(async (folder) => {
        const writer = await openVideoWriter(join(folder, name), options);
        await expect(writer.finish()).rejects.toThrow("at least one frame");
        expect(await readdir(folder)).toEqual([]);
      }));

    test("shows nothing under the final name before the end", () =>
      inFolder(async (folder) => {
        const writer = await openVideoWriter(join(folder, name), options);
        await writer.write(frames[0]!);
        expect((await readdir(join(folder, "a/b"))).filter((entry) => !entry.startsWith("."))).toEqual([]);
        await writer.finish();
        expect((await readdir(join(folder, "a/b"))).length).toBe(1);
      }));
  },
);

describe("a name that is taken", () => {
  test("is refused before any work, unless forced", () =>
    inFolder(async (folder) => {
      const path = join(folder, "clip.gif");
      await writeFile(path, "precious");
      await expect(openVideoWriter(path, options)).rejects.toMatchObject({
        message: `${path}: exists already`,
        hint: expect.stringContaining("--force"),
      });
      expect(await readFile(path, "utf8")).toBe("precious");
      await writeVideo(path, frames.slice(0, 2), { ...options, force: true });
      expect((await stat(path)).size).toBeGreaterThan(100);
    }));

  test("during the run makes the second one to finish take the next name", () =>
    inFolder(async (folder) => {
      const path = join(folder, "clip.gif");
      const [a, b] = [await openVideoWriter(path, options), await openVideoWriter(path, options)];
      await Promise.all([a.write(frames[0]!), b.write(frames[1]!)]);
      const written = await Promise.all([a.finish(), b.finish()]);
      expect(written.map((video) => video.path).sort()).toEqual([join(folder, "clip-2.gif"), path]);
      expect((await readdir(folder)).sort()).toEqual(["clip-2.gif", "clip.gif"]);
    }));

  test("by a series is refused, and a forced shorter series replaces all of it", () =>
    inFolder(async (folder) => {
      const path = join(folder, "%05d.png");
      await writeVideo(path, frames.slice(0, 5), options);
      await expect(openVideoWriter(path, options)).rejects.toThrow("exists already");
      await writeVideo(path, frames.slice(0, 2), { ...options, force: true });
      expect(await readdir(folder)).toEqual(["00000.png", "00001.png"]);
    }));

  test("by a series during the run leaves both series whole", () =>
    inFolder(async (folder) => {
      const path = join(folder, "%02d.png");
      const writer = await openVideoWriter(path, options);
      for (const frame of frames.slice(0, 3)) await writer.write(frame);
      await writeFile(join(folder, "01.png"), "precious");
      expect((await writer.finish()).path).toBe(join(folder, "2-%02d.png"));
      expect(await readdir(folder)).toEqual(["01.png", "2-00.png", "2-01.png", "2-02.png"]);
    }));
});

test("a folder that cannot be made is said in words", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "file"), "");
    await expect(openVideoWriter(join(folder, "file/clip.mp4"), options)).rejects.toThrow("not a folder");
  }));

test("an unknown ending is refused with those that work", async () => {
  await expect(openVideoWriter("clip.avi", options)).rejects.toMatchObject({
    exitCode: 2,
    hint: expect.stringContaining(".webm"),
  });
});
