import type { Camera } from "../scene.ts";
import { labOf, median, type Plate } from "./lab.ts";
import type { Outline } from "./outline.ts";

/** From which `turning` on a body is taken to turn; under a camera that moves, tiles slide a little. */
export const turns = (camera: Camera): number => (camera === "static" ? 1.5 : 2.4);

/** Frames that video codecs of this project code together: what they do to a body that stands comes back at this distance. */
const chunk = 8,
  /** Changes of what stands are fainter than this. */
  faint = 5;

const tiles = 6,
  /** Points in a tile, along each side. */
  points = 3;

/**
 * How much the inside of a body (its middle two thirds) changes over a third of the clip: dE of means over small tiles, less
 * what noise makes of it. Tiles are placed to parts of a pixel, and the body's size is taken to change evenly, else
 * the edges of a pattern would seem to move.
 */
export function turning(outlines: readonly Outline[], plates: readonly Plate[]): number {
  const talls = evenly(outlines.map(({ left }) => left.length));
  const breadth = median(
    outlines.map(({ left, right }, frame) => (Math.max(...right) - Math.min(...left)) / talls[frame]!),
  );
  const looks = outlines.map((outline, frame) =>
    lookAt(plates[frame]!, outline, 0.66 * breadth * talls[frame]!, 0.6 * talls[frame]!),
  );
  const changeOver = (lag: number): number =>
    median(looks.slice(lag).map((later, frame) => distance(later.length, (at) => later[at]! - looks[frame]![at]!)));
  const third = changeOver(Math.max(1, Math.round((looks.length - 1) / 3)));
  // Cells of a pattern may come back at that distance, too, but they change a lot in between.
  const change = looks.length > 2 * chunk && third < faint ? Math.min(third, changeOver(chunk)) : third;
  const jitters = looks
    .slice(2)
    .map((after, frame) =>
      distance(after.length, (at) => after[at]! - 2 * looks[frame + 1]![at]! + looks[frame]![at]!),
    );
  // What turns fast jitters too, but no codec this much.
  const noise = Math.min(3, jitters.length ? median(jitters) / Math.sqrt(3) : 0);
  return Math.sqrt(Math.max(0, change ** 2 - noise ** 2)) || 0;
}

/** Mean over tiles of the length of a difference. */
function distance(length: number, part: (at: number) => number): number {
  let sum = 0;
  for (let at = 0; at < length; at += 3) sum += Math.hypot(part(at), part(at + 1), part(at + 2));
  return (3 * sum) / length;
}

/** Mean Lab of each tile of a box around a body's centre, one after the other. */
function lookAt(plate: Plate, { x, y }: Outline, wide: number, tall: number): Float64Array {
  const out = new Float64Array(tiles * tiles * 3);
  const count = tiles * points;
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      const lab = labBetween(
        plate,
        x + ((column + 0.5) / count - 0.5) * wide - 0.5,
        y + ((row + 0.5) / count - 0.5) * tall - 0.5,
      );
      const at = (Math.floor(row / points) * tiles + Math.floor(column / points)) * 3;
      for (let axis = 0; axis < 3; axis++) out[at + axis]! += lab[axis]! / (points * points);
    }
  }
  return out;
}

/** Lab between four pixels; beyond the picture that of its edge. */
function labBetween({ width, height, light }: Plate, x: number, y: number): [number, number, number] {
  const u = Math.max(0, Math.min(width - 1.001, x)),
    v = Math.max(0, Math.min(height - 1.001, y));
  const left = Math.floor(u),
    top = Math.floor(v);
  const a = u - left,
    b = v - top;
  const at = (top * width + left) * 3;
  const mix = (channel: number): number =>
    (light[at + channel]! * (1 - a) + light[at + 3 + channel]! * a) * (1 - b) +
    (light[at + width * 3 + channel]! * (1 - a) + light[at + width * 3 + 3 + channel]! * a) * b;
  return labOf(mix(0), mix(1), mix(2));
}

/** The even growth (least squares of the logarithm) that is nearest to some sizes. */
function evenly(sizes: readonly number[]): number[] {
  const logs = sizes.map(Math.log);
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  const middle = (logs.length - 1) / 2;
  let sum = 0,
    norm = 0;
  for (const [index, log] of logs.entries()) {
    sum += (index - middle) * (log - mean);
    norm += (index - middle) ** 2;
  }
  return logs.map((_, index) => Math.exp(mean + (norm ? (sum / norm) * (index - middle) : 0)));
}
