import { expect, test } from "vitest";
import { overlaps, ramp, tilesWithin, windows } from "./tiles.ts";

const cases = [
  [1, 7, 2],
  [7, 7, 2],
  [8, 7, 2],
  [16, 7, 2],
  [33, 16, 4],
  [5, 2, 1],
] as const;

test.each(cases)("%i cells in windows of %i sharing %i: weights add up to one everywhere", (length, size, overlap) => {
  const scale = 4;
  const all = windows(length, size, overlap);
  for (const { length: one } of all) expect(one).toBeLessThanOrEqual(Math.max(size, overlap + 1));
  const sum = new Float32Array(length * scale);
  for (const [i, window] of all.entries()) {
    expect(window.start + window.length).toBeLessThanOrEqual(length);
    const weights = ramp(window.length * scale, ...overlaps(all, i, scale));
    for (const [k, weight] of weights.entries()) sum[window.start * scale + k]! += weight;
  }
  for (const total of sum) expect(total).toBeCloseTo(1, 6);
});

const grids = [
  // height, width, area, overlap; rows and columns of tiles, and one tile
  [9, 16, 256, 4, 1, 1, "9x16"],
  [17, 30, 256, 4, 1, 3, "17x13"],
  [45, 80, 256, 4, 3, 8, "18x14"],
  [3, 200, 36, 2, 1, 20, "3x12"],
  [200, 3, 9, 2, 198, 1, "3x3"],
] as const;

test.each(grids)("%i x %i cells in tiles of %i sharing %i", (height, width, area, overlap, down, across, tile) => {
  const { rows, columns } = tilesWithin({ height, width }, area, overlap);
  expect([rows.length, columns.length, `${rows[0]!.length}x${columns[0]!.length}`]).toEqual([down, across, tile]);
  for (const [all, length] of [
    [rows, height],
    [columns, width],
  ] as const) {
    const ends = all.map((window) => window.start + window.length);
    expect([all[0]!.start, ends.at(-1)]).toEqual([0, length]);
    for (const [i, next] of all.slice(1).entries()) expect(ends[i]! - next.start).toBeGreaterThanOrEqual(overlap);
  }
});
