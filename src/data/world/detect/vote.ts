import { type Shape, shapes } from "../scene.ts";
import { maskOf } from "./blobs.ts";
import { type Cover, matchCover } from "./cover.ts";
import { type Chain, nearestTo } from "./follow.ts";
import { matchShapes, type Outline } from "./outline.ts";

/**
 * Sums the overlaps over up to nine frames, so that one bad outline does not decide; frames in which the body hardly moves
 * count most, because codecs smear what is fast. `tall` is the height of the solid in pixels if it stood at depth 0.
 */
export function voteShape(
  outlines: readonly (Outline | undefined)[],
  chain: Chain,
  covers: readonly (Cover | undefined)[],
  width: number,
  height: number,
  candidates: readonly Shape[],
): { shape: Shape; margin: number; tall: number; sampled: number[] } {
  const step = Math.max(1, Math.floor(outlines.length / 9));
  const sums = Object.fromEntries(shapes.map((shape) => [shape, 0])) as Record<Shape, number>;
  const talls = Object.fromEntries(shapes.map((shape) => [shape, [] as [number, number][]])) as Record<
    Shape,
    [number, number][]
  >;
  const sampled: number[] = [];
  let total = 0;
  for (let frame = 0; frame < outlines.length; frame += step) {
    const outline = outlines[frame];
    if (!outline) continue;
    sampled.push(frame);
    const cover = covers[frame];
    const side = Math.sqrt(cover?.area ?? outline.area);
    const speeds = [outlines[frame - 1], outlines[frame + 1]].map((other) =>
      other ? Math.hypot(other.x - outline.x, other.y - outline.y) / side : 0,
    );
    const matches = cover
      ? matchCover(cover, candidates)
      : matchShapes(outline, maskOf(chain[frame]!, width, height), width, candidates);
    // Sharp frames count most: they match something well.
    const best = Math.max(...Object.values(matches).map(({ overlap }) => overlap));
    const weight = best ** 12 / (1 + (Math.max(...speeds) / 0.06) ** 2);
    total += weight;
    for (const shape of shapes) {
      sums[shape] += weight * matches[shape].overlap;
      talls[shape].push([side * matches[shape].scale, weight]);
    }
  }
  const ranked = [...candidates].sort((a, b) => sums[b] - sums[a]);
  const [first, second] = ranked as [Shape, Shape];
  if (!sampled.length) sampled.push(nearestTo(outlines, outlines.length >> 1));
  return {
    shape: first,
    margin: Math.min(1, ((sums[first] - (sums[second] ?? 0)) / Math.max(1e-6, total)) * 5),
    tall: weightedMedian(talls[first]),
    sampled,
  };
}

/** The value below which half of the weight lies; of (value, weight) pairs. */
function weightedMedian(pairs: readonly (readonly [number, number])[]): number {
  const sorted = pairs.toSorted((a, b) => a[0] - b[0]);
  let left = sorted.reduce((sum, [, weight]) => sum + weight, 0) / 2;
  return sorted.find(([, weight]) => (left -= weight) <= 0)?.[0] ?? 0;
}
