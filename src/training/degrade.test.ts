import { describe, expect, test } from "vitest";
import { Random } from "../base/philox.ts";
import { degrade } from "./degrade.ts";

/** A generator whose first two draws, strength and kind, are told. */
class Told extends Random {
  readonly #told: number[];

  constructor(strength: number, kind: "noise" | "blur" | "blocks") {
    super(5, "degrade");
    this.#told = [strength, (["noise", "blur", "blocks"].indexOf(kind) + 0.5) / 3];
  }

  override uniform(): number {
    return this.#told.shift() ?? super.uniform();
  }
}

const kinds = ["noise", "blur", "blocks"] as const;
const grid = { frames: 2, height: 5, width: 4 };
const channels = 3;
const [cells, size] = [grid.height * grid.width, grid.frames * grid.height * grid.width * channels];
/** Values that are all different, of both signs. */
const clean = Float32Array.from({ length: size }, (_, i) => Math.sin(i * i));
/** One channel of one frame of degraded tokens, in rows. */
const plane = (tokens: Float32Array, frame: number, channel: number): number[][] =>
  Array.from({ length: grid.height }, (_, y) =>
    Array.from({ length: grid.width }, (_, x) => tokens[(frame * cells + y * grid.width + x) * channels + channel]!),
  );
/** A single 1 at a cell of the first frame's second channel, softened whole. */
function spread(kind: "blur" | "blocks", y: number, x: number): number[][] {
  const tokens = new Float32Array(size);
  tokens[(y * grid.width + x) * channels + 1] = 1;
  const out = degrade(tokens, grid, new Told(1, kind));
  const [first, ...others] = [plane(out, 0, 1), plane(out, 1, 1), plane(out, 0, 0), plane(out, 0, 2)];
  for (const other of others) expect(other.flat().every((value) => value === 0)).toBe(true);
  return first!.map((row) => row.map((value) => Math.round(value * 3600) / 3600));
}

test.each(kinds)("%s of no strength changes nothing, and what is handed in never changes", (kind) => {
  const before = clean.slice();
  expect(degrade(clean, grid, new Told(0, kind))).toEqual(clean);
  expect(degrade(clean, grid, new Told(1, kind))).not.toEqual(clean);
  expect(clean).toEqual(before);
});

test("the same seed gives the same flaw, and another one another", () => {
  const of = (seed: number) => degrade(clean, grid, new Random(seed, "degrade"));
  expect(of(7)).toEqual(of(7));
  expect(of(7)).not.toEqual(of(8));
});

test("noise has half the strength as its deviation", () => {
  const wide = { frames: 1, height: 100, width: 100 };
  const still = new Float32Array(10_000).fill(2);
  for (const strength of [0.4, 1]) {
    const noise = degrade(still, wide, new Told(strength, "noise")).map((z) => z - 2);
    const mean = noise.reduce((sum, z) => sum + z, 0) / noise.length;
    const deviation = Math.sqrt(noise.reduce((sum, z) => sum + z * z, 0) / noise.length);
    expect(mean).toBeCloseTo(0, 1);
    expect(deviation / (0.5 * strength)).toBeCloseTo(1, 1);
  }
});

describe("softening stays within a frame and a channel", () => {
  test("blur takes means over 3 x 3 cells, of fewer at the border", () => {
    const [ninth, sixth, fourth] = [1 / 9, 1 / 6, 1 / 4];
    expect(spread("blur", 2, 1)).toEqual([
      [0, 0, 0, 0],
      [sixth, ninth, ninth, 0],
      [sixth, ninth, ninth, 0],
      [sixth, ninth, ninth, 0],
      [0, 0, 0, 0],
    ]);
    expect(spread("blur", 0, 3).slice(0, 2)).toEqual([
      [0, 0, sixth, fourth],
      [0, 0, ninth, sixth],
    ]);
  });

  test("blocks of 2 x 2 cells become their mean, of what there is of them at an odd end", () => {
    expect(spread("blocks", 1, 2)).toEqual([
      [0, 0, 0.25, 0.25],
      [0, 0, 0.25, 0.25],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(spread("blocks", 4, 0)[4]).toEqual([0.5, 0.5, 0, 0]);
  });

  test.each(["blur", "blocks"] as const)("%s goes as far as its strength, and leaves what is even", (kind) => {
    const whole = degrade(clean, grid, new Told(1, kind));
    const half = degrade(clean, grid, new Told(0.5, kind));
    for (const [i, z] of half.entries()) expect(z).toBeCloseTo((clean[i]! + whole[i]!) / 2, 6);
    const even = new Float32Array(size).fill(-3);
    expect(degrade(even, grid, new Told(1, kind))).toEqual(even);
  });
});
