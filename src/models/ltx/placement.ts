/** Positions of the large picture's tokens for the rotary embedding, whole or a crop. */
import type { Crop } from "./resize.ts";
import { coordinates, type Grid, type Positions } from "./rope.ts";
import type { HrConfig } from "./two-stage-config.ts";

/**
 * Coordinates [3][tokens] on the large grid. `pixels`: where the pixels are, beyond the range that the small model was
 * trained on. `field`: within the small picture's field of view, so that a place has one position at both sizes.
 */
export function placeTokens(
  large: Grid,
  small: Grid,
  placement: HrConfig["placement"],
  positions: Positions,
): Float32Array[] {
  const [t, h, w] = positions.compression;
  if (placement === "pixels") return coordinates(large, positions);
  const scaled = [t, (h * small.height) / large.height, (w * small.width) / large.width] as const;
  return coordinates(large, { ...positions, compression: scaled });
}

/** Numbers of a crop's tokens within the whole grid, frame-major, then rows, then columns. */
export function cropTokens({ frames, height, width }: Grid, crop: Crop): Int32Array {
  const out = new Int32Array(frames * crop.height * crop.width);
  let to = 0;
  for (let f = 0; f < frames; f++)
    for (let y = crop.top; y < crop.top + crop.height; y++)
      for (let x = crop.left; x < crop.left + crop.width; x++) out[to++] = (f * height + y) * width + x;
  return out;
}
