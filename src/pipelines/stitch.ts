/** What is computed tile by tile, put together: a slab for each window of time, blended where neighbours share. */
import type { Grid } from "../models/ltx/rope.ts";
import { type Boxes, overlaps, ramp, type Window } from "./tiles.ts";

/** A window along each axis. */
export interface Box {
  readonly time: Window;
  readonly row: Window;
  readonly column: Window;
}

/** A box of planes [C, F, H, W]. */
export function cut(planes: Float32Array, channels: number, size: Grid, { time, row, column }: Box): Float32Array {
  const out = new Float32Array(channels * time.length * row.length * column.length);
  let to = 0;
  for (let c = 0; c < channels; c++)
    for (let f = time.start; f < time.start + time.length; f++)
      for (let y = row.start; y < row.start + row.length; y++) {
        const from = ((c * size.frames + f) * size.height + y) * size.width + column.start;
        out.set(planes.subarray(from, from + column.length), to);
        to += column.length;
      }
  return out;
}

/** Planes [C, F, H, W] of one window of time, in memory that is zero. */
export class Slab {
  readonly data: Float32Array;
  readonly channels: number;
  readonly frames: number;
  readonly height: number;
  readonly width: number;

  constructor(memory: Float32Array, channels: number, { frames, height, width }: Grid) {
    this.channels = channels;
    this.frames = frames;
    this.height = height;
    this.width = width;
    this.data = memory.subarray(0, channels * frames * height * width);
  }

  /**
   * Adds a tile [C, skipped + F, h, w] at (top, left), weighted by row and column.
   * @param skipped frames at its beginning that are left out
   */
  add(tile: Float32Array, { top, left, rows, columns, skipped }: Placed): void {
    const { channels, frames, height, width, data } = this;
    const [h, w] = [rows.length, columns.length];
    for (let c = 0; c < channels; c++)
      for (let f = 0; f < frames; f++)
        for (let y = 0; y < h; y++) {
          const from = ((c * (skipped + frames) + skipped + f) * h + y) * w;
          const to = ((c * frames + f) * height + top + y) * width + left;
          const weight = rows[y]!;
          for (let x = 0; x < w; x++) data[to + x]! += tile[from + x]! * weight * columns[x]!;
        }
  }

  /** Turns its first frames gradually from the last ones of an earlier window, [C, n, H, W]. */
  blend(before: Float32Array): void {
    const { channels, frames, height, width, data } = this;
    const area = height * width;
    const count = before.length / (channels * area);
    for (let c = 0; c < channels; c++)
      for (let f = 0; f < count; f++) {
        const share = (f + 0.5) / count;
        const [from, to] = [(c * count + f) * area, (c * frames + f) * area];
        for (let i = 0; i < area; i++) data[to + i] = before[from + i]! * (1 - share) + data[to + i]! * share;
      }
  }

  /** The frames from `first` on, [C, n, H, W]. */
  last(first: number): Float32Array {
    const { channels, frames, height, width } = this;
    return cut(this.data, channels, this, {
      time: { start: first, length: frames - first },
      row: { start: 0, length: height },
      column: { start: 0, length: width },
    });
  }
}

interface Placed {
  readonly top: number;
  readonly left: number;
  /** Weights. */
  readonly rows: Float32Array;
  readonly columns: Float32Array;
  readonly skipped: number;
}

export interface Stitching {
  readonly channels: number;
  /** Samples that a cell becomes along (time, height, width); the first cell of a window becomes one frame. */
  readonly scale: readonly [number, number, number];
  /** Frames that every window of time but the first gives in vain at its beginning. */
  readonly skip?: number;
}

/** A window of time with its first `count` frames finished. Its memory is the next one's. */
export interface Stitched {
  readonly slab: Slab;
  readonly count: number;
}

/**
 * Computes boxes of cells and yields slabs in order, whose finished frames, one slab's after another's, are the whole. A
 * window of n cells from cell s on gives the frames t s to t (s + n - 1).
 * @param make gives planes [C, t (n - 1) + 1, h H, w W] of a box; they may be overwritten by the next
 */
export async function* stitch(
  { times, rows, columns }: Boxes,
  { channels, scale: [t, h, w], skip = 0 }: Stitching,
  make: (box: Box) => Promise<Float32Array>,
): AsyncGenerator<Stitched> {
  const [height, width] = [endOf(rows) * h, endOf(columns) * w];
  const longest = Math.max(...times.map(({ length }) => length));
  const memory = new Float32Array(channels * ((longest - 1) * t + 1) * height * width);
  /** Frames of the window before that this one shares, [C, n, H, W]. */
  let shared: Float32Array | undefined;
  for (const [index, time] of times.entries()) {
    const skipped = index ? skip : 0;
    if (index) memory.fill(0);
    const slab = new Slab(memory, channels, { frames: (time.length - 1) * t + 1 - skipped, height, width });
    for (const [i, row] of rows.entries())
      for (const [j, column] of columns.entries())
        slab.add(await make({ time, row, column }), {
          top: row.start * h,
          left: column.start * w,
          rows: ramp(row.length * h, ...overlaps(rows, i, h)),
          columns: ramp(column.length * w, ...overlaps(columns, j, w)),
          skipped,
        });
    if (shared) slab.blend(shared);
    const next = times[index + 1];
    const count = next ? (next.start - time.start) * t + skip - skipped : slab.frames;
    shared = next && slab.last(count);
    yield { slab, count };
  }
}

const endOf = (all: readonly Window[]): number => all.at(-1)!.start + all.at(-1)!.length;
