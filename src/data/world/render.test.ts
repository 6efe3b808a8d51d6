import { describe, expect, test } from "vitest";
import { Random } from "../../base/philox.ts";
import type { Frame } from "../../video/frame.ts";
import { clipAt, renderCrop, sceneAt } from "./clip.ts";
import { coverage } from "./coverage.ts";
import { deltaE, labOf } from "./detect/lab.ts";
import { drawWish, mini, rich } from "./draw.ts";
import { bodyColours } from "./palette.ts";
import { render } from "./render.ts";
import { cameras, colours, shapes } from "./scene.ts";

const small = { width: 64, height: 48, frames: 5 };
const mean = (frame: Frame): number => frame.data.reduce((a, b) => a + b, 0) / frame.data.length;
/** Area mean over 2 x 2 pixels. */
function halve({ width, height, data }: Frame): Frame {
  const out = new Uint8Array((width / 2) * (height / 2) * 3);
  for (let y = 0; y < height / 2; y++)
    for (let x = 0; x < width / 2; x++)
      for (let c = 0; c < 3; c++) {
        const at = (row: number, column: number): number => data[((2 * y + row) * width + 2 * x + column) * 3 + c]!;
        out[(y * (width / 2) + x) * 3 + c] = Math.round((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4);
      }
  return { width: width / 2, height: height / 2, data: out };
}
const difference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, value, index) => sum + Math.abs(value - b[index]!), 0) / a.length;

describe("clips of the world", () => {
  test("the same arguments give the same clip, another index another", () => {
    const a = clipAt("mini", 7, 3, small),
      b = clipAt("mini", 7, 3, small);
    expect(a.frames).toEqual(b.frames);
    expect(a.caption).toBe(b.caption);
    expect(clipAt("mini", 7, 4, small).frames[0]!.data).not.toEqual(a.frames[0]!.data);
  });

  test("clips have the asked size, length and rate", () => {
    const clip = clipAt("rich", 1, 0, { ...small, fps: 12 });
    expect(clip.frames).toHaveLength(5);
    expect(clip.masks).toHaveLength(5);
    expect(clip.fps).toBe(12);
    expect(clip.frames[0]).toMatchObject({ width: 64, height: 48 });
    expect(clip.frames[0]!.data).toHaveLength(64 * 48 * 3);
  });

  test.each([1, 9, 25])("a clip of %i frames begins with the same picture", (frames) => {
    expect(clipAt("mini", 2, 5, { ...small, frames }).frames[0]!.data).toEqual(
      clipAt("mini", 2, 5, { ...small, frames: 1 }).frames[0]!.data,
    );
  });

  test("one frame is captioned without motion", () => {
    for (let index = 0; index < 40; index++)
      expect(sceneAt("mini", 1, index, { moving: false }).caption).not.toMatch(/mov|spin|bounc|still|ris|sink|camera/);
  });
});

describe("rendering", () => {
  test.each(cameras)("a window under a %s camera equals that part of the whole picture", (camera) => {
    const scene = drawWish(rich, { camera, ground: "checkered" }, new Random(3, camera));
    const picture = { width: 96, height: 64, frames: 3 };
    const window = { x: 37, y: 11, width: 32, height: 40 };
    const whole = render(scene, picture),
      part = render(scene, { ...picture, window });
    for (const [frame, { data }] of part.frames.entries())
      for (let y = 0; y < window.height; y++) {
        const from = (window.y + y) * picture.width + window.x;
        expect(data.subarray(y * 96, (y + 1) * 96)).toEqual(
          whole.frames[frame]!.data.subarray(from * 3, (from + window.width) * 3),
        );
        expect(part.masks[frame]!.subarray(y * 32, (y + 1) * 32)).toEqual(
          whole.masks[frame]!.subarray(from, from + window.width),
        );
      }
  });

  test("a crop lies inside the picture and shows the body", () => {
    for (let index = 0; index < 8; index++) {
      const { scene } = sceneAt("mini", 4, index);
      const crop = renderCrop(scene, { width: 160, height: 90, frames: 3 }, { width: 48, height: 48 });
      expect(crop.window.x).toBeGreaterThanOrEqual(0);
      expect(crop.window.x + 48).toBeLessThanOrEqual(160);
      expect(crop.masks[1]!.some((index) => index === 1)).toBe(true);
    }
  });

  test("twice the size shows the same picture, sharper", () => {
    for (let index = 0; index < 6; index++) {
      const { scene } = sceneAt("mini", 9, index);
      const low = render(scene, { width: 96, height: 64, frames: 1 }).frames[0]!,
        high = render(scene, { width: 192, height: 128, frames: 1 }).frames[0]!;
      expect(difference(halve(high).data, low.data)).toBeLessThan(2.5);
    }
  });

  test("fine patterns fade to their mean where pixels cannot carry them, and show where they can", () => {
    const scene = drawWish(
      { ...rich, pairs: 0, fineHeight: 256 },
      {
        material: "finely striped",
        colour: "blue",
        shape: "cylinder",
        motion: "still",
        camera: "static",
        size: "large",
      },
      new Random(1),
    );
    const contrast = (size: number): number => {
      const { frames, masks } = render(scene, { width: size, height: size, frames: 1 });
      const { data } = frames[0]!;
      const steps: number[] = [];
      for (let at = size; at < size * (size - 1); at++)
        if ([at - size, at, at + size].every((pixel) => masks[0]![pixel]))
          steps.push(Math.abs(data[at * 3]! - data[(at + size) * 3]!));
      return steps.reduce((a, b) => a + b, 0) / steps.length;
    };
    expect(contrast(64)).toBeLessThan(12);
    expect(contrast(256)).toBeGreaterThan(30);
  });

  test.each(shapes)("a %s stays inside the picture for the whole clip in both formats", (shape) => {
    for (let index = 0; index < 12; index++) {
      const scene = drawWish({ ...mini, shapes: [shape] }, { shape, size: "large" }, new Random(index, shape));
      for (const [width, height] of [
        [64, 64],
        [112, 63],
      ] as const) {
        const { masks } = render(scene, { width, height, frames: 5 });
        for (const mask of masks) {
          const edge = mask.filter(
            (body, at) => body > 0 && (at < width || at % width === 0 || at % width === width - 1),
          );
          expect(edge).toHaveLength(0);
          expect(mask.some((body) => body > 0)).toBe(true);
        }
      }
    }
  });

  test("nothing but the body and its shadow changes under a camera at rest", () => {
    const scene = drawWish(mini, { shape: "cube", motion: "still" }, new Random(1));
    const { frames } = render(scene, small);
    expect(frames[4]!.data).toEqual(frames[0]!.data);
  });

  test("skies differ in light", () => {
    const light = (["clear", "night"] as const).map((sky) =>
      mean(render(drawWish(mini, { sky, colour: "white" }, new Random(1)), { ...small, frames: 1 }).frames[0]!),
    );
    expect(light[0]!).toBeGreaterThan(2 * light[1]!);
  });
});

test("any two named colours are at least 25 dE apart, in light and in shade", () => {
  for (const shade of [1, 0.45])
    for (const [index, a] of colours.entries())
      for (const b of colours.slice(index + 1)) {
        const [p, q] = [a, b].map((name) => {
          const [red, green, blue] = bodyColours[name].map((value) => value * shade) as [number, number, number];
          return labOf(red, green, blue);
        });
        expect(deltaE(p!, q!), `${a} and ${b} at ${shade}`).toBeGreaterThan(25);
      }
});

test("bodies cover as much of a latent grid as of the picture, frame by frame as an autoencoder gathers them", () => {
  const scene = drawWish(mini, { motion: "right", size: "large" }, new Random(4, 4));
  const [grid, picture] = [
    { width: 16, height: 9, frames: 3 },
    { width: 512, height: 288, frames: 17 },
  ];
  const cells = coverage(scene, picture.frames, grid);
  const { masks } = render(scene, picture);
  const shareOf = (all: readonly Uint8Array[]) =>
    all.reduce((sum, mask) => sum + mask.filter((body) => body).length / mask.length, 0) / all.length;
  const parts = [masks.slice(0, 1), masks.slice(1, 9), masks.slice(9)];
  for (const [f, part] of parts.entries()) {
    const frame = cells.slice(f * 144, (f + 1) * 144);
    expect(Math.max(...frame)).toBeLessThanOrEqual(1 + 1e-6);
    expect(frame.reduce((sum, share) => sum + share, 0) / 144 / shareOf(part)).toBeCloseTo(1, 1);
  }
  const middle = (f: number) => {
    const at = [...cells.slice(f * 144, (f + 1) * 144)].map((share, i) => [share, i % 16] as const);
    return at.reduce((sum, [share, x]) => sum + share * x, 0) / at.reduce((sum, [share]) => sum + share, 0);
  };
  expect(middle(2)).toBeGreaterThan(middle(1));
});
