import { climates } from "../palette.ts";
import type { Sky } from "../scene.ts";
import { labAt, labOf, type Plate } from "./lab.ts";
import { groundRows, horizonRow, skyPlate } from "./surroundings.ts";

/** Pixels that belong together. */
export interface Blob {
  readonly pixels: number[];
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Centre of mass. */
  readonly x: number;
  readonly y: number;
}

/** How far (dE) a pixel must be from every colour the backdrop can have. */
const threshold = 11;

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

/** Connected parts (4 neighbours) of a mask, largest first; parts under `least` pixels are dropped. */
export function findBlobs(mask: Uint8Array, width: number, least: number): Blob[] {
  const seen = new Uint8Array(mask.length);
  const blobs: Blob[] = [];
  const stack: number[] = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue;
    const pixels: number[] = [];
    stack.push(start);
    seen[start] = 1;
    while (stack.length) {
      const pixel = stack.pop()!;
      pixels.push(pixel);
      const x = pixel % width;
      if (x > 0) visit(pixel - 1);
      if (x < width - 1) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel < mask.length - width) visit(pixel + width);
    }
    if (pixels.length >= least) blobs.push(measure(pixels, width));
  }
  function visit(pixel: number): void {
    if (mask[pixel] && !seen[pixel]) {
      seen[pixel] = 1;
      stack.push(pixel);
    }
  }
  return blobs.sort((a, b) => b.pixels.length - a.pixels.length);
}

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
  const weak = Math.max(4, 1.1 * (ground[Math.floor(0.97 * ground.length)] ?? threshold) + 0.8);
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

function measure(pixels: number[], width: number): Blob {
  let left = width,
    right = 0,
    top = Number.POSITIVE_INFINITY,
    bottom = 0,
    x = 0,
    y = 0;
  for (const pixel of pixels) {
    const column = pixel % width,
      row = (pixel / width) | 0;
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
    x += column + 0.5;
    y += row + 0.5;
  }
  return { pixels, left, right, top, bottom, x: x / pixels.length, y: y / pixels.length };
}

/** Erases what is thinner than about two pixels: noise and the seams between two backdrops. */
export function open(mask: Uint8Array, width: number, height: number): Uint8Array {
  return sweep(sweep(mask, width, height, 5), width, height, 1);
}

/** Keeps a pixel with at least `least` of its plus-shaped neighbourhood set (5: erode, 1: dilate). */
export function sweep(mask: Uint8Array, width: number, height: number, least: number): Uint8Array {
  const out = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const here = mask[at]!;
      const sum =
        here +
        (x > 0 ? mask[at - 1]! : here) +
        (x < width - 1 ? mask[at + 1]! : here) +
        (y > 0 ? mask[at - width]! : here) +
        (y < height - 1 ? mask[at + width]! : here);
      out[at] = sum >= least ? 1 : 0;
    }
  }
  return out;
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
