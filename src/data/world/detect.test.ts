import { describe, expect, test } from "vitest";
import { gaussian } from "../../base/philox.ts";
import type { Frame } from "../../video/frame.ts";
import { clipAt, type PresetName } from "./clip.ts";
import { type Attribute, detect, expectedOf, score } from "./detect.ts";

/** Three box blurs, about a gaussian of `radius` pixels, and noise of `sigma` levels: what a small codec does. */
function degrade(frame: Frame, radius: number, sigma: number, seed: number): Frame {
  const { width, height } = frame;
  let data = Float32Array.from(frame.data);
  for (let pass = 0; pass < 3; pass++) {
    for (const [dx, dy] of [
      [1, 0],
      [0, 1],
    ] as const) {
      const out = new Float32Array(data.length);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let c = 0; c < 3; c++) {
            let sum = 0;
            for (let step = -radius; step <= radius; step++) {
              const px = Math.max(0, Math.min(width - 1, x + dx * step)),
                py = Math.max(0, Math.min(height - 1, y + dy * step));
              sum += data[(py * width + px) * 3 + c]!;
            }
            out[(y * width + x) * 3 + c] = sum / (2 * radius + 1);
          }
      data = out;
    }
  }
  const noise = gaussian(data.length, seed, "codec");
  return {
    width,
    height,
    data: Uint8Array.from(data, (value, at) => Math.max(0, Math.min(255, Math.round(value + sigma * noise[at]!)))),
  };
}

/** Part of the clips in which each attribute was recovered. */
function accuracy(
  preset: PresetName,
  clips: number,
  size: { width: number; height: number; frames: number },
  change: (frame: Frame, seed: number) => Frame = (frame) => frame,
): Record<Attribute | "joint", number> {
  const right: Partial<Record<Attribute | "joint", number>> = {},
    asked: Partial<Record<Attribute | "joint", number>> = {};
  for (let index = 0; index < clips; index++) {
    const clip = clipAt(preset, 31, index, { ...size, split: "all" });
    const marks = score(
      expectedOf(clip.scene, size.height, size.frames),
      detect(clip.frames.map((frame, at) => change(frame, index * 100 + at))),
    );
    for (const [key, mark] of [...Object.entries(marks), ["joint", !Object.values(marks).includes(false)]] as [
      Attribute,
      boolean,
    ][]) {
      asked[key] = (asked[key] ?? 0) + 1;
      right[key] = (right[key] ?? 0) + (mark ? 1 : 0);
    }
  }
  const table = Object.fromEntries(
    Object.keys(asked).map((key) => [key, right[key as Attribute]! / asked[key as Attribute]!]),
  );
  console.log(
    `${preset} ${size.width}x${size.height}x${size.frames}, ${clips} clips:`,
    JSON.stringify(table, (_, value) => (typeof value === "number" ? Number(value.toFixed(3)) : value)),
  );
  return table as Record<Attribute | "joint", number>;
}

describe("detectors", { timeout: 60_000 }, () => {
  test("recover every attribute of clean 128x128 clips in at least 99 of a hundred", () => {
    for (const part of Object.values(accuracy("mini", 64, { width: 128, height: 128, frames: 9 })))
      expect(part).toBeGreaterThanOrEqual(0.99);
  });

  test("recover wide clips", () => {
    for (const part of Object.values(accuracy("mini", 6, { width: 256, height: 144, frames: 17 })))
      expect(part).toBe(1);
  });

  test("tell patterns apart", () => {
    const table = accuracy("miniTextured", 30, { width: 128, height: 128, frames: 9 });
    expect(table.material).toBeGreaterThanOrEqual(0.96);
    expect(table.joint).toBeGreaterThanOrEqual(0.93);
  });

  test("bear the blur and noise of a codec", () => {
    const table = accuracy("mini", 12, { width: 128, height: 128, frames: 9 }, (frame, seed) =>
      degrade(frame, 1, 4, seed),
    );
    expect(table.joint).toBeGreaterThanOrEqual(0.9);
  });

  test("find most of a rich scene: two bodies, cameras, clouds", () => {
    const table = accuracy("rich", 10, { width: 224, height: 126, frames: 9 });
    expect(table.sky).toBe(1);
    expect(table.colour).toBeGreaterThan(0.8);
  });

  test("count what they cannot find as wrong", () => {
    const clip = clipAt("mini", 31, 0, { width: 64, height: 64, frames: 5 });
    const grey = clip.frames.map((frame) => ({ ...frame, data: new Uint8Array(frame.data.length).fill(128) }));
    const marks = score(expectedOf(clip.scene, 64, 5), detect(grey));
    expect(marks.shape).toBe(false);
    expect(marks.colour).toBe(false);
    expect(marks.motion).toBe(false);
  });
});
