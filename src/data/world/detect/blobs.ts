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

/** Bounds and centre of some pixels. */
export function measure(pixels: number[], width: number): Blob {
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

/** Pixels of a blob that are more than two away from its edge. */
export function innerPixels(blob: Blob, width: number, height: number): number[] {
  const mask = maskOf(blob, width, height);
  const ring = [-1, 1, -width, width, -2, 2, -2 * width, 2 * width];
  return blob.pixels.filter((pixel) => ring.every((offset) => mask[pixel + offset]! > 0));
}

/** A picture that is 1 at the blob's pixels. */
export function maskOf(blob: Blob, width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  for (const pixel of blob.pixels) mask[pixel] = 1;
  return mask;
}

/** The blob and what is within `reach` pixels of it, beside, above or below. */
export function widen(blob: Blob, reach: number, width: number, height: number): Blob {
  let mask = maskOf(blob, width, height);
  for (let step = 0; step < reach; step++) mask = sweep(mask, width, height, 1);
  return measure(
    [...mask.keys()].filter((pixel) => mask[pixel]),
    width,
  );
}
