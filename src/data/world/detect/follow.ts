import type { Blob } from "./blobs.ts";

/** Not a cloud at the picture's top, and not a strip along its side or the horizon. */
export const isBody = (blob: Blob, width: number): boolean => {
  const wide = blob.right - blob.left,
    tall = blob.bottom - blob.top;
  return blob.top > 0 && wide < 0.75 * width && wide < 4 * tall && tall < 5 * wide;
};

/** One body through the frames; undefined where it was not found. */
export type Chain = readonly (Blob | undefined)[];

/** Chains of blobs through the frames, at most `most`: each the nearest of like size to where it was. */
export function follow(blobs: readonly Blob[][], width: number, most: number): Chain[] {
  const middle = blobs.length >> 1;
  const start = blobs[middle]!.length ? middle : blobs.findIndex((list) => list.length > 0);
  if (start < 0) return [];
  const seeds = blobs[start]!.filter((blob) => blob.pixels.length > 0.04 * blobs[start]![0]!.pixels.length);
  const chains = seeds.slice(0, most + 1).map((seed) => {
    const chain: (Blob | undefined)[] = new Array(blobs.length).fill(undefined);
    chain[start] = seed;
    for (const step of [-1, 1]) {
      let last = seed;
      for (let frame = start + step; frame >= 0 && frame < blobs.length; frame += step) {
        let best: Blob | undefined,
          least = 0.3 * width;
        for (const blob of blobs[frame]!) {
          const ratio = Math.abs(Math.log(blob.pixels.length / last.pixels.length));
          const far = Math.hypot(blob.x - last.x, blob.y - last.y) + 0.15 * width * ratio;
          if (far < least) {
            least = far;
            best = blob;
          }
        }
        if (best) last = chain[frame] = best;
      }
    }
    return chain;
  });
  // A second body that comes and goes is a flaw of the picture.
  return chains
    .filter((chain, index) => index === 0 || chain.filter(Boolean).length > 0.5 * chain.length)
    .slice(0, most);
}

/** Index of the found frame that is nearest to the middle; -1 for none. */
export function nearestTo(outlines: readonly unknown[], middle: number): number {
  let best = -1;
  for (const [index, outline] of outlines.entries())
    if (outline && (best < 0 || Math.abs(index - middle) < Math.abs(best - middle))) best = index;
  return best;
}
