import { describe, expect, test } from "vitest";
import { timestepSinusoid } from "../../nn/timestep.ts";
import { goldenJson } from "../../testing/goldens.ts";
import { coordinates, frequencies, ropeTables } from "./rope.ts";

interface Published {
  readonly time_embedding: readonly { timestep: number; values: number[] }[];
  readonly rope_frequencies: readonly { dim: number; values: number[] }[];
  readonly rope: readonly {
    dim: number;
    grid: [number, number, number];
    scale: [number, number, number];
    stride: number;
    rows: { token: [number, number, number]; cos: number[]; sin: number[] }[];
  }[];
  readonly video_coords: { grid: [number, number, number]; fps: number; values: number[] };
}

const published = await goldenJson<Published>("schedules.json");
const gridOf = ([frames, height, width]: readonly [number, number, number]) => ({ frames, height, width });

/** How many f32 numbers lie between two of one sign. */
function steps(a: number, b: number): number {
  const [x, y] = new Int32Array(Float32Array.of(a, b).buffer);
  return Math.abs(x! - y!);
}

// torch's power is not always correctly rounded: 3 of the 341 frequencies of the 2B model come out one bit off.
describe("rotary tables", () => {
  test.each(published.rope_frequencies)("frequencies at width $dim", ({ dim, values }) => {
    const ours = frequencies(dim);
    expect(ours).toHaveLength(values.length);
    const off = values.map((value, k) => steps(ours[k]!, value));
    expect(Math.max(...off)).toBeLessThanOrEqual(1);
    expect(off.filter(Boolean).length).toBeLessThanOrEqual(values.length / 20);
  });

  test.each(published.rope)("angles at width $dim on a grid $grid", ({ dim, grid, scale, stride, rows }) => {
    const places = coordinates(gridOf(grid), { fps: 1, compression: scale });
    const { cos, sin } = ropeTables(places, dim);
    const waves = published.rope_frequencies.find((one) => one.dim === dim)?.values ?? [];
    const slack = frequencies(dim).map((wave, k) => Math.abs(wave - Math.fround(waves[k] ?? wave)));
    for (const row of rows) {
      const token = (row.token[0] * grid[1] + row.token[1]) * grid[2] + row.token[2];
      for (const [i, value] of row.cos.entries()) {
        const pair = Math.floor((i * stride) / 2);
        const at = token * (dim / 2) + pair;
        const bar = 1e-7 + (slack[Math.floor((pair - (dim % 6) / 2) / 3)] ?? 0);
        expect(Math.abs(cos.data[at]! - value)).toBeLessThan(bar);
        expect(Math.abs(sin.data[at]! - row.sin[i]!)).toBeLessThan(bar);
      }
    }
  });

  test("positions of causal clips", () => {
    const { grid, fps, values } = published.video_coords;
    const ours = coordinates(gridOf(grid), { fps, compression: [8, 32, 32], causal: true });
    expect(ours.flatMap((axis) => [...axis])).toEqual(values.map(Math.fround));
  });
});

test.each(published.time_embedding)("the sinusoid of timestep $timestep", ({ timestep, values }) => {
  const { shape, data } = timestepSinusoid([timestep]);
  expect(shape).toEqual([1, 256]);
  // torch's exponential is one bit off at k = 12 and 106, which is 2^-24 of the angle there.
  for (const [i, value] of values.entries())
    expect(Math.abs(data[i]! - value)).toBeLessThan([12, 106].includes(i % 128) ? 3e-5 : 1e-7);
});
