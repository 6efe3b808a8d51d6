import { climates } from "../palette.ts";
import type { Sky } from "../scene.ts";
import { labAt, labOf, type Plate } from "./lab.ts";
import { groundRows, horizonRow, skyPlate } from "./surroundings.ts";

/** How far (dE) a pixel must be from every colour the backdrop can have. */
export const threshold = 11;

/** What is neither ground nor sky: for each pixel how far (dE) it is from what the backdrop can be there, and whether that is far. */
export interface Foreground {
  readonly far: Float32Array;
  readonly mask: Uint8Array;
}

/**
 * Finds what is neither ground nor sky. Ground may be darker (a dark cell, a shadow) but never brighter or of another
 * hue than its row; sky is what the renderer draws for it, or on the way from that to a cloud.
 */
export function findForeground(plates: readonly Plate[], sky: Sky): Foreground[] {
  const { width, height } = plates[0]!;
  const horizon = horizonRow(height);
  const { bright } = groundRows(plates);
  const clean = skyPlate(sky, width, height);
  const { cloud } = climates[sky];
  const cloudLab = labOf(...cloud);
  // Near the horizon the ground takes on the colour of the sky.
  const solid = horizon + Math.ceil(0.012 * height),
    hazy = horizon + Math.ceil(0.06 * height);
  const skyLabs = new Float32Array(hazy * width * 3);
  for (let pixel = 0; pixel < hazy * width; pixel++) skyLabs.set(labAt(clean, pixel), pixel * 3);
  const cloudy = isCloudy(plates, skyLabs, horizon) ? 0.8 : 0;
  return plates.map((plate) => {
    const fars = new Float32Array(width * height),
      mask = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const br = bright[row * 3]!,
        bg = bright[row * 3 + 1]!,
        bb = bright[row * 3 + 2]!;
      const groundY = 0.2126 * br + 0.7152 * bg + 0.0722 * bb + 1e-6;
      for (let column = 0; column < width; column++) {
        const pixel = row * width + column;
        const r = plate.light[pixel * 3]!,
          g = plate.light[pixel * 3 + 1]!,
          b = plate.light[pixel * 3 + 2]!;
        const [L, A, B] = labOf(r, g, b);
        let far = Number.POSITIVE_INFINITY;
        if (row >= solid) {
          const y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
          const share = Math.max(0.06, Math.min(1.12, y / groundY));
          const [gl, ga, gb] = labOf(share * br, share * bg, share * bb);
          far = Math.hypot(L - gl, A - ga, B - gb);
        }
        if (row < hazy) {
          const sl = skyLabs[pixel * 3]!,
            sa = skyLabs[pixel * 3 + 1]!,
            sb = skyLabs[pixel * 3 + 2]!;
          // Nearest point on the way from sky to cloud.
          const dl = cloudLab[0] - sl,
            da = cloudLab[1] - sa,
            db = cloudLab[2] - sb;
          const along = Math.max(
            0,
            Math.min(cloudy, ((L - sl) * dl + (A - sa) * da + (B - sb) * db) / (dl * dl + da * da + db * db + 1e-6)),
          );
          far = Math.min(far, Math.hypot(L - sl - along * dl, A - sa - along * da, B - sb - along * db));
        }
        fars[pixel] = far;
        if (far > threshold) mask[pixel] = 1;
      }
    }
    return { far: fars, mask };
  });
}

/** Whether more than a little of the sky beside the middle is not as clean as drawn. */
function isCloudy(plates: readonly Plate[], skyLabs: Float32Array, horizon: number): boolean {
  const { width } = plates[0]!;
  const plate = plates[plates.length >> 1]!;
  let off = 0,
    count = 0;
  for (let pixel = 0; pixel < horizon * width; pixel += 3) {
    const column = pixel % width;
    if (column > width * 0.25 && column < width * 0.75) continue;
    const [L, A, B] = labAt(plate, pixel);
    if (Math.hypot(L - skyLabs[pixel * 3]!, A - skyLabs[pixel * 3 + 1]!, B - skyLabs[pixel * 3 + 2]!) > 7) off++;
    count++;
  }
  return off > 0.08 * count;
}
