/** Detail that moves with the scene, told from noise, which does not. */
import type { Frame } from "../video/frame.ts";
import { correlation } from "./agreement.ts";
import { Spectrum } from "./detail.ts";
import { flowOf, warpPlane } from "./flow.ts";
import { cropPlane, lumaOf, type Plane } from "./plane.ts";
import { resample } from "./resample.ts";

/** What a picture holds above `cut` cycles a pixel: the picture less itself shrunk to that band and enlarged again. */
export function highPass(plane: Plane, cut: number): Plane {
  const { width, height, data } = plane;
  const [small, low] = [width, height].map((size) => Math.max(1, Math.round(size * 2 * cut))) as [number, number];
  const smooth = resample(resample(plane, small, low, "pillowBicubic"), width, height, "pillowBicubic");
  return { width, height, data: data.map((value, at) => value - smooth.data[at]!) };
}

/**
 * Mean over tiles of max(0, correlation) x rms of the detail above `cut`, in code units, between a frame and the next one
 * moved back onto it along block motion.
 */
export function coherentDetail(frame: Frame, next: Frame, cut: number): number {
  const flow = flowOf(frame, next);
  const own = highPass(lumaOf(frame), cut),
    moved = warpPlane(highPass(lumaOf(next), cut), flow);
  const { tile } = Spectrum.fitting(own);
  let [sum, tiles] = [0, 0];
  for (let y = 0; y + tile <= own.height; y += tile)
    for (let x = 0; x + tile <= own.width; x += tile) {
      const part = cropPlane(own, x, y, tile, tile);
      const alike = Math.max(0, correlation(part.data, cropPlane(moved, x, y, tile, tile).data));
      const spectrum = new Spectrum(tile);
      spectrum.take(part);
      sum += alike * spectrum.rms(cut);
      tiles++;
    }
  return sum / tiles;
}
