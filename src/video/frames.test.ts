import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Frame } from "./frame.ts";
import { hashFrames } from "./hash.ts";
import { coverFrame, cropFrame, resizeFrame, rotateFrame } from "./resize.ts";
import { pickFrames } from "./retime.ts";
import { frameToI420, yuvToFrame } from "./yuv.ts";

const paint = (width: number, height: number, color: (x: number, y: number) => readonly number[]): Frame => ({
  width,
  height,
  data: Uint8Array.from(
    Array.from({ length: width * height }, (_, index) => color(index % width, Math.floor(index / width))).flat(),
  ),
});
const slope = (width: number, height: number) => paint(width, height, (x, y) => [10 + 2 * x, 20 + 3 * y, 200 - x]);
const pixel = ({ data, width }: Frame, x: number, y: number) => [...data.subarray((y * width + x) * 3).subarray(0, 3)];

describe("the hash of frames", () => {
  test("is the hash of each frame's size and the hash of its bytes", async () => {
    const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
    const size = Uint8Array.of(8, 0, 0, 0, 4, 0, 0, 0);
    const part = Buffer.concat([size, sha256(slope(8, 4).data)]);
    const expected = sha256(Buffer.concat([part, part])).toString("hex");
    expect(await hashFrames([slope(8, 4), slope(8, 4)])).toBe(expected);
  });

  test("sees a changed byte, the order and the size", async () => {
    const [a, b] = [slope(8, 4), paint(8, 4, () => [1, 2, 3])];
    const changed = { ...a, data: a.data.map((value, index) => (index === 95 ? value ^ 1 : value)) };
    const turned = { ...a, width: 4, height: 8 };
    const hashes = await Promise.all(
      [[a, b], [b, a], [changed, b], [turned, b], [a]].map((frames) => hashFrames(frames)),
    );
    expect(new Set(hashes).size).toBe(5);
  });
});

describe("resizing", () => {
  const methods = ["area", "bilinear", "bicubic"] as const;

  test.each(methods)("by %s keeps one colour exactly", (method) => {
    const flat = paint(13, 9, () => [7, 100, 255]);
    for (const [width, height] of [
      [5, 4],
      [40, 31],
      [13, 2],
    ] as const)
      expect(resizeFrame(flat, width, height, method)).toEqual(paint(width, height, () => [7, 100, 255]));
  });

  test.each(methods)("by %s keeps a slope straight when shrinking by two", (method) => {
    const half = resizeFrame(slope(40, 20), 20, 10, method);
    // Between x = 20 and 21, y = 10 and 11: red 10 + 2 * 20.5, green 20 + 3 * 10.5, blue 200 - 20.5, rounded to even.
    expect(pixel(half, 10, 5)).toEqual([51, 52, 180]);
  });

  test("by area takes the mean of the pixels that are covered", () => {
    const stripes = paint(6, 1, (x) => [x < 3 ? 0 : 240, 0, 0]);
    expect([...resizeFrame(stripes, 4, 1, "area").data].filter((_, index) => index % 3 === 0)).toEqual([
      0, 0, 240, 240,
    ]);
    expect(pixel(resizeFrame(stripes, 1, 1, "area"), 0, 0)[0]).toBe(120);
  });

  test("up by bicubic and down again by area changes little", () => {
    const frame = slope(30, 20);
    const back = resizeFrame(resizeFrame(frame, 60, 40), 30, 20, "area");
    const errors = Array.from(back.data, (value, index) => Math.abs(value - frame.data[index]!));
    expect(Math.max(...errors)).toBeLessThanOrEqual(2);
  });

  test("to cover a shape crops the middle", () => {
    const covered = coverFrame(slope(40, 20), 20, 20);
    expect(covered).toEqual(cropFrame(slope(40, 20), { x: 10, y: 0, width: 20, height: 20 }));
  });

  test("to nothing, and crops beyond the edge, are refused", () => {
    expect(() => resizeFrame(slope(4, 4), 0, 4)).toThrow("cannot resize");
    expect(() => cropFrame(slope(4, 4), { x: 1, y: 0, width: 4, height: 4 })).toThrow(
      "cannot crop 4x4 at 1,0 from 4x4",
    );
  });
});

test("four quarter turns are none, and one moves the top left to the top right", () => {
  const frame = slope(5, 3);
  const turned = rotateFrame(frame, 90);
  expect(pixel(turned, 2, 0)).toEqual(pixel(frame, 0, 0));
  expect(rotateFrame(turned, 270)).toEqual(frame);
  expect(rotateFrame(turned, 90)).toEqual(rotateFrame(frame, 180));
});

describe("BT.709 planes", () => {
  const planesOf = (frame: Frame) => {
    const { width, height } = frame;
    const [w, h] = [(width + 1) >> 1, (height + 1) >> 1];
    const bytes = frameToI420(frame);
    const [y, u, v] = [0, width * height, width * height + w * h].map((at) => bytes.subarray(at)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    return { width, height, planes: [y, u, v], strides: [width, w, w], shiftX: 1, shiftY: 1 } as const;
  };

  test.each([
    ["black", [0, 0, 0], [16, 128, 128]],
    ["white", [255, 255, 255], [235, 128, 128]],
    ["grey", [128, 128, 128], [126, 128, 128]],
    ["red", [255, 0, 0], [63, 102, 240]],
    ["green", [0, 255, 0], [173, 42, 26]],
    ["blue", [0, 0, 255], [32, 240, 118]],
  ])("of %s are those of the standard", (_, rgb, yuv) => {
    const { planes } = planesOf(paint(3, 3, () => rgb));
    expect(planes.map((plane) => plane[0])).toEqual(yuv);
  });

  test("turn back into the same colours within rounding, odd sizes too", () => {
    const frame = paint(7, 5, (x, y) => [(x >> 1) * 60 + 20, (y >> 1) * 90 + 10, 77]);
    const back = yuvToFrame({ ...planesOf(frame), matrix: "bt709", fullRange: false });
    for (const [index, value] of back.data.entries())
      expect(Math.abs(value - frame.data[index]!)).toBeLessThanOrEqual(3);
  });
});

describe("another frame rate", () => {
  let open = 0;
  class Picture {
    readonly timestamp: number;
    readonly duration: number;
    constructor(timestamp: number, duration: number) {
      this.timestamp = timestamp;
      this.duration = duration;
      open++;
    }
    clone() {
      return new Picture(this.timestamp, this.duration);
    }
    close() {
      open--;
    }
  }
  async function* clip(count: number, fps: number) {
    for (let index = 0; index < count; index++) yield new Picture(Math.round((index / fps) * 1000) / 1000, 1 / fps);
  }
  test.each([
    [25, [0, 0.04, 0.08, 0.12]],
    [12.5, [0, 0.08]],
    [50, [0, 0, 0.04, 0.04, 0.08, 0.08, 0.12, 0.12]],
    [10, [0, 0.08]],
  ])("of %d picks what is shown at each moment, and frees the rest", async (fps, expected) => {
    const times: number[] = [];
    for await (const picture of pickFrames(clip(4, 25), fps)) {
      times.push(picture.timestamp);
      picture.close();
    }
    expect(times).toEqual(expected);
    expect(open).toBe(0);
  });
});
