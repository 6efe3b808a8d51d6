import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";

/** Refuses clips that cannot be compared frame by frame: other lengths or sizes, or nothing at all. */
export function checkPairs(truth: readonly Frame[], other: readonly Frame[]): void {
  if (!truth.length) throw new InputError("a comparison needs at least one frame");
  if (truth.length !== other.length)
    throw new InputError(`clips of ${truth.length} and ${other.length} frames cannot be compared`);
  for (const [index, a] of truth.entries()) {
    const b = other[index]!;
    if (a.width !== b.width || a.height !== b.height)
      throw new InputError(
        `frame ${index} is ${a.width}x${a.height} in one clip and ${b.width}x${b.height} in the other`,
      );
  }
}
