/** Which pixels around a found part belong to its body. */
import { type Blob, findBlobs, measure, open } from "./blobs.ts";
import { type Foreground, threshold } from "./foreground.ts";
import { labAt, type Plate } from "./lab.ts";
import { horizonRow } from "./surroundings.ts";

/**
 * Joins the parts of a body whose bands look like ground or haze: parts one above the other, and white parts that nearly
 * touch (dark grey bands are lost on any ground). The two bodies of a pair stand too far apart for that.
 */
export function joinParts(blobs: readonly Blob[], plate: Plate): Blob[] {
  const near = 0.09 * plate.height;
  const rest = blobs.map((blob) => ({ blob, white: isWhite(blob, plate) }));
  const out: Blob[] = [];
  while (rest.length) {
    const { blob, white } = rest.shift()!;
    let whole = blob;
    for (let index = 0; index < rest.length; index++) {
      const part = rest[index]!;
      const dx = Math.max(part.blob.left, whole.left) - Math.min(part.blob.right, whole.right),
        dy = Math.max(part.blob.top, whole.top) - Math.min(part.blob.bottom, whole.bottom);
      const narrow = Math.min(part.blob.right - part.blob.left, whole.right - whole.left);
      const above = -dx > 0.6 * narrow && dy < 1.3 * near;
      if (!above && !(white && part.white && dx < 0.5 * near && dy < near)) continue;
      whole = measure([...whole.pixels, ...part.blob.pixels], plate.width);
      rest.splice(index, 1);
      index = -1;
    }
    out.push(whole);
  }
  return out.sort((a, b) => b.pixels.length - a.pixels.length);
}

/** Whether a blob is white or grey on the whole. */
export function isWhite(blob: Blob, plate: Plate): boolean {
  const step = Math.max(1, blob.pixels.length >> 6);
  let sum = 0,
    count = 0;
  for (let index = 0; index < blob.pixels.length; index += step) {
    const [, a, b] = labAt(plate, blob.pixels[index]!);
    sum += Math.hypot(a, b);
    count++;
  }
  return sum < 22 * count;
}

/**
 * Adds to a white patterned body its dark bands, which differ from dark ground by less than the threshold but by more
 * than the ground of this clip itself does. Only below the horizon: clouds differ more.
 */
export function grow(blob: Blob, { far, mask }: Foreground, width: number, height: number): Blob {
  const horizon = horizonRow(height);
  const ground: number[] = [];
  for (let pixel = (horizon + Math.ceil(0.06 * height)) * width; pixel < far.length; pixel += 5)
    if (!mask[pixel]) ground.push(far[pixel]!);
  ground.sort((a, b) => a - b);
  const weak = Math.max(3.5, (ground[Math.floor(0.97 * ground.length)] ?? threshold) + 0.5);
  if (weak >= threshold) return blob;
  const reach = 0.3 * Math.max(blob.right - blob.left, blob.bottom - blob.top);
  const wide = new Uint8Array(mask.length);
  for (const pixel of blob.pixels) wide[pixel] = 1;
  for (let y = Math.max(horizon, Math.floor(blob.top - reach)); y < Math.min(height, blob.bottom + reach); y++)
    for (let x = Math.max(0, Math.floor(blob.left - reach)); x < Math.min(width, blob.right + reach); x++)
      if (far[y * width + x]! > weak) wide[y * width + x] = 1;
  const grown = findBlobs(open(wide, width, height), width, 6).filter(({ pixels }) =>
    pixels.some((pixel) => mask[pixel]),
  );
  return grown.length ? measure([...new Set([...blob.pixels, ...grown.flatMap(({ pixels }) => pixels)])], width) : blob;
}

/**
 * Peels off the rim of a blob up to where it is half as far from the backdrop as a little further in: blur and the trail
 * that a codec leaves behind what moves widen a body, but not its contour at half of its strength.
 */
export function peel(blob: Blob, far: Float32Array, width: number): Blob {
  const depth = 0.14 * Math.sqrt(blob.pixels.length);
  const inside = new Set(blob.pixels);
  let rim = blob.pixels;
  for (let layer = 0; layer < depth; layer++) {
    const gone = rim.filter((pixel) => {
      if ([1, -1, width, -width].every((step) => inside.has(pixel + step))) return false;
      const dx = blob.x - 0.5 - (pixel % width),
        dy = blob.y - 0.5 - ((pixel / width) | 0);
      const away = Math.hypot(dx, dy) + 1e-6;
      return [1, 2].some((steps) => {
        const part = Math.min(1, (steps * depth + 1) / away);
        const inner = pixel + Math.round(dx * part) + Math.round(dy * part) * width;
        return inside.has(inner) && far[pixel]! < 0.5 * far[inner]!;
      });
    });
    if (!gone.length) break;
    for (const pixel of gone) inside.delete(pixel);
    const next = new Set(gone.flatMap((pixel) => [pixel + 1, pixel - 1, pixel + width, pixel - width]));
    rim = [...next].filter((pixel) => inside.has(pixel));
  }
  return inside.size === blob.pixels.length || inside.size < 6 ? blob : measure([...inside], width);
}
