import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";
import { checkPairs } from "./pairs.ts";

/** Decibels of a mean squared error of 8-bit values; Infinity for none. */
export const decibels = (meanSquare: number): number => 10 * Math.log10(255 ** 2 / meanSquare);

/**
 * Mean squared error of all bytes of a clip. With `masks` (one a frame, a number a pixel) only of the pixels whose mask is
 * not 0; NaN when there is none.
 */
export function meanSquare(truth: readonly Frame[], other: readonly Frame[], masks?: readonly Uint8Array[]): number {
  checkPairs(truth, other);
  let sum = 0,
    count = 0;
  for (const [index, { width, height, data }] of truth.entries()) {
    const seen = other[index]!.data,
      mask = masks?.[index];
    if (masks && mask?.length !== width * height)
      throw new InputError(`mask ${index} has ${mask?.length ?? "no"} values for ${width}x${height} pixels`);
    for (let pixel = 0; pixel < width * height; pixel++) {
      if (mask && mask[pixel] === 0) continue;
      for (let at = pixel * 3; at < pixel * 3 + 3; at++) sum += (data[at]! - seen[at]!) ** 2;
      count += 3;
    }
  }
  return count ? sum / count : Number.NaN;
}

/** Peak signal-to-noise ratio of a clip in decibels: of the error over all frames, not the mean of theirs. */
export function psnr(truth: readonly Frame[], other: readonly Frame[], masks?: readonly Uint8Array[]): number {
  return decibels(meanSquare(truth, other, masks));
}
