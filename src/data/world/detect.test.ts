import { describe, expect, test } from "vitest";
import { InputError } from "../../base/errors.ts";
import { gaussian } from "../../base/philox.ts";
import type { Frame } from "../../video/frame.ts";
import { clipAt, type PresetName } from "./clip.ts";
import { type Attribute, detect, expectedOf, judgeOf, score } from "./detect.ts";
import { presets } from "./draw.ts";

interface Size {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** Three box blurs, about a gaussian of `radius` pixels, and noise of `sigma` levels: what a small codec does. */
function degrade({ width, height, data }: Frame, radius: number, sigma: number, seed: number): Frame {
  let from = Float32Array.from(data);
  for (let pass = 0; pass < 3; pass++) {
    for (const [dx, dy] of [
      [1, 0],
      [0, 1],
    ] as const) {
      const to = new Float32Array(from.length);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let step = -radius; step <= radius; step++) {
            const px = Math.max(0, Math.min(width - 1, x + dx * step)),
              py = Math.max(0, Math.min(height - 1, y + dy * step));
            for (let c = 0; c < 3; c++)
              to[(y * width + x) * 3 + c]! += from[(py * width + px) * 3 + c]! / (2 * radius + 1);
          }
      from = to;
    }
  }
  const noise = gaussian(from.length, seed, "codec");
  return {
    width,
    height,
    data: Uint8Array.from(from, (value, at) => Math.max(0, Math.min(255, Math.round(value + sigma * noise[at]!)))),
  };
}

/** The mean of each frame and its neighbours: the trails of what moves. */
const smear = (frames: readonly Frame[]): Frame[] =>
  frames.map((frame, at) => {
    const near = frames.slice(Math.max(0, at - 1), at + 2);
    const data = frame.data.map((_, index) => near.reduce((sum, other) => sum + other.data[index]!, 0) / near.length);
    return { ...frame, data };
  });

/** Part of the clips in which each attribute was recovered; `joint`: every one. */
function accuracy(
  preset: PresetName,
  clips: number,
  size: Size,
  change: (frames: readonly Frame[], seed: number) => readonly Frame[] = (frames) => frames,
): Partial<Record<Attribute, number>> & { joint: number } {
  const judge = judgeOf(presets[preset]);
  const marks = Array.from({ length: clips }, (_, index) => {
    const { scene, frames } = clipAt(preset, 31, index, { ...size, split: "all" });
    return judge(expectedOf(scene, size.height, size.frames), change(frames, index * 100));
  });
  const share = (list: readonly (boolean | undefined)[]): number => list.filter(Boolean).length / list.length;
  const keys = [...new Set(marks.flatMap((one) => Object.keys(one) as Attribute[]))];
  const rates = keys.map((key) => [key, share(marks.map((one) => one[key]).filter((mark) => mark !== undefined))]);
  return { ...Object.fromEntries(rates), joint: share(marks.map((one) => !Object.values(one).includes(false))) };
}

const all = { shape: 1, colour: 1, size: 1, motion: 1, sky: 1, ground: 1, joint: 1 };

describe("detectors", () => {
  test.each([
    { width: 128, height: 128, frames: 9, clips: 32 },
    { width: 256, height: 160, frames: 17, clips: 16 },
    { width: 512, height: 288, frames: 25, clips: 3 },
  ])("recover all of clean $width x $height clips of mini", ({ clips, ...size }) => {
    expect(accuracy("mini", clips, size)).toEqual(all);
  });

  test("tell patterns apart", () => {
    const size = { width: 256, height: 160, frames: 9 };
    // What is striped in white and dark grey may lose its lowest band on dark ground.
    const { shape, joint, ...rest } = accuracy("miniTextured", 20, size);
    const { shape: _, joint: __, ...perfect } = all;
    expect(rest).toEqual({ ...perfect, material: 1 });
    expect(Math.min(shape!, joint)).toBeGreaterThanOrEqual(0.95);
  });

  test("find two bodies, cameras and clouds", () => {
    const table = accuracy("rich", 12, { width: 256, height: 144, frames: 17 });
    for (const key of ["colour", "sky", "ground", "camera", "relation"] as const) expect(table[key]).toBe(1);
    expect(table.joint).toBeGreaterThan(0.8);
  });

  test("bear blur and noise", () => {
    const change = (frames: readonly Frame[], seed: number) =>
      frames.map((frame, at) => degrade(frame, 1, 4, seed + at));
    expect(accuracy("mini", 12, { width: 128, height: 128, frames: 9 }, change).joint).toBe(1);
  });

  test("bear trails of what moves", () => {
    expect(accuracy("mini", 10, { width: 256, height: 160, frames: 17 }, smear).joint).toBe(1);
  });

  test("read a single picture", () => {
    const { motion: _, ...still } = all;
    expect(accuracy("mini", 12, { width: 256, height: 160, frames: 1 })).toEqual(still);
  });
});

describe("marks", () => {
  const size = { width: 64, height: 64, frames: 5 };
  const grey = (count: number, value = 128): Frame[] =>
    Array.from({ length: count }, () => ({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(value) }));

  test("count what cannot be found as wrong", () => {
    const { scene } = clipAt("mini", 31, 0, size);
    for (const value of [0, 128, 255]) {
      const marks = score(expectedOf(scene, 64, 5), detect(grey(5, value)));
      for (const key of ["shape", "colour", "size", "motion"] as const) expect(marks[key]).toBe(false);
    }
  });

  test("are the wrong ones of another clip", () => {
    const one = clipAt("mini", 31, 0, size).scene;
    const other = clipAt("mini", 31, 1, size);
    const expected = expectedOf(one, 64, 5);
    const marks = judgeOf(presets.mini)(expected, other.frames);
    expect(marks.colour).toBe(one.bodies[0]!.colour === other.scene.bodies[0]!.colour);
    expect(Object.values(marks)).toContain(false);
  });

  test("leave out what has one value in the preset, and what was not asked for", () => {
    const { scene, frames } = clipAt("mini", 31, 0, size);
    expect(Object.keys(judgeOf(presets.mini)(expectedOf(scene, 64, 5), frames))).not.toContain("material");
    expect(judgeOf(presets.mini)({ sky: scene.sky, bodies: [{}] }, frames)).toEqual({ sky: true });
  });

  test("take the two bodies of a pair in either order", () => {
    const seen = {
      confidence: { shape: 1, colour: 1 },
      x: 0,
      y: 0,
      found: 1,
      material: "plain",
      size: "small",
    } as const;
    const ball = { ...seen, shape: "sphere", colour: "red", motion: "still" } as const,
      cone = { ...seen, shape: "cone", colour: "blue", motion: "up" } as const;
    const scenery = { sky: "night", ground: "plain", camera: "static", confidence: { sky: 1, camera: 1 } } as const;
    const detected = { ...scenery, bodies: [ball, cone], relation: "left of" } as const;
    const asked = (first: object, second: object, relation: "left of" | "right of") =>
      score({ bodies: [first, second], relation }, detected);
    const [red, blue] = [
      { shape: "sphere", colour: "red" },
      { shape: "cone", colour: "blue" },
    ];
    expect(asked(red!, blue!, "left of")).toEqual({ shape: true, colour: true, relation: true });
    expect(asked(blue!, red!, "right of")).toEqual({ shape: true, colour: true, relation: true });
    expect(asked(blue!, red!, "left of")).toEqual({ shape: true, colour: true, relation: false });
  });

  test("need frames, and bear tiny ones", () => {
    expect(() => detect([])).toThrow(InputError);
    for (const [width, height] of [
      [16, 16],
      [33, 17],
      [200, 20],
      [20, 200],
    ] as const)
      for (const frames of [1, 2, 3]) {
        const clip = clipAt("rich", 5, frames, { width, height, frames });
        expect(detect(clip.frames).bodies.length).toBeLessThan(3);
      }
  });
});
