import { InputError } from "../../base/errors.ts";
import type { Frame } from "../../video/frame.ts";

/** Puts frames of one size side by side, `columns` in a row, with `gap` pixels of white between them. */
export function sheetOf(frames: readonly Frame[], columns: number, gap = 2): Frame {
  const first = frames[0];
  if (!first) throw new InputError("a sheet needs at least one frame");
  const rows = Math.ceil(frames.length / columns);
  const width = columns * (first.width + gap) - gap,
    height = rows * (first.height + gap) - gap;
  const data = new Uint8Array(width * height * 3).fill(255);
  for (const [index, frame] of frames.entries()) {
    if (frame.width !== first.width || frame.height !== first.height)
      throw new InputError(
        `frames of one sheet must have one size: ${frame.width}x${frame.height} among ${first.width}x${first.height}`,
      );
    const left = (index % columns) * (first.width + gap),
      top = Math.floor(index / columns) * (first.height + gap);
    for (let y = 0; y < frame.height; y++)
      data.set(frame.data.subarray(y * frame.width * 3, (y + 1) * frame.width * 3), ((top + y) * width + left) * 3);
  }
  return { width, height, data };
}

/** Frames spread evenly over a clip, first and last included. */
export const spread = (frames: readonly Frame[], count: number): Frame[] =>
  Array.from(
    { length: Math.min(count, frames.length) },
    (_, index) => frames[Math.round((index * (frames.length - 1)) / Math.max(1, Math.min(count, frames.length) - 1))]!,
  );
