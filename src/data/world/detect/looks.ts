import { render } from "../render.ts";
import { type Body, type Colour, colours, type Material, type Shape, type Sky } from "../scene.ts";
import { type Lab, labAt, median, type Plate, plateOf } from "./lab.ts";
import type { Outline } from "./outline.ts";
import { emptyScene } from "./surroundings.ts";

/** Mean Lab of the more colourful half of some pixels: of a pattern that is the body's own colour. */
export function bodyLab(plate: Plate, pixels: readonly number[]): Lab {
  const labs = pixels.map((pixel) => labAt(plate, pixel));
  labs.sort((p, q) => Math.hypot(q[1], q[2]) - Math.hypot(p[1], p[2]));
  const half = labs.slice(0, Math.max(1, labs.length >> 1));
  return [0, 1, 2].map((axis) => half.reduce((sum, lab) => sum + lab[axis]!, 0) / half.length) as unknown as Lab;
}

const references = new Map<Sky, Record<Colour, Lab>>();

/** What `bodyLab` gives for each colour under a sky, from a rendered cylinder. */
function referenceLabs(sky: Sky): Record<Colour, Lab> {
  let labs = references.get(sky);
  if (!labs) {
    labs = Object.fromEntries(
      colours.map((colour) => {
        const body: Body = {
          shape: "cylinder",
          colour,
          material: "plain",
          size: "large",
          motion: "still",
          height: 0.9,
          across: 0,
          depth: 0,
          yaw: 0,
          travel: 0,
          period: 0,
        };
        const { frames, masks } = render({ ...emptyScene(sky), bodies: [body] }, { width: 64, height: 64, frames: 1 });
        const mask = masks[0]!;
        const inside = [...mask.keys()].filter((pixel) => mask[pixel] && mask[pixel - 2] && mask[pixel + 2]);
        return [colour, bodyLab(plateOf(frames[0]!, 64), inside)];
      }),
    ) as unknown as Record<Colour, Lab>;
    references.set(sky, labs);
  }
  return labs;
}

/**
 * The named colour nearest in hue (lightness counts little: shade and patterns change it), or white. Hues are seen from
 * what is white under that sky, so that pale colours (fine patterns that melt into their mean) keep theirs.
 */
export function nameColour(lab: Lab, sky: Sky): { value: Colour; margin: number } {
  const labs = referenceLabs(sky);
  const { white } = labs;
  const fromWhite = ([L, a, b]: Lab): [number, number] => [
    a - (white[1] * L) / white[0],
    b - (white[2] * L) / white[0],
  ];
  const [da, db] = fromWhite(lab);
  const away = Math.hypot(da, db),
    hue = Math.atan2(db, da);
  const costs = colours.map((colour) => {
    if (colour === "white") return { colour, cost: away < 13 ? 0 : 90 };
    if (away < 13) return { colour, cost: 45 };
    const [a, b] = fromWhite(labs[colour]);
    const turn = Math.abs(((((hue - Math.atan2(b, a)) % (2 * Math.PI)) + 3 * Math.PI) % (2 * Math.PI)) - Math.PI);
    return { colour, cost: (turn * 180) / Math.PI + 0.12 * Math.abs(lab[0] - labs[colour][0]) };
  });
  costs.sort((a, b) => a.cost - b.cost);
  return { value: costs[0]!.colour, margin: costs[1]!.cost - costs[0]!.cost };
}

/** Sum of the swings up and down along a line that exceed `least`, and how many there are. */
export function swings(line: ArrayLike<number>, count: number, least: number): { sum: number; turns: number } {
  let low = line[0]!,
    high = line[0]!,
    sum = 0,
    turns = 0,
    direction = 0;
  for (let index = 1; index < count; index++) {
    const value = line[index]!;
    if (direction >= 0) {
      if (value > high) high = value;
      else if (high - value > least) {
        if (direction > 0) {
          sum += high - low;
          turns++;
        }
        direction = -1;
        low = value;
        continue;
      }
    }
    if (direction <= 0) {
      if (value < low) low = value;
      else if (value - low > least) {
        if (direction < 0) {
          sum += high - low;
          turns++;
        }
        direction = 1;
        high = value;
      }
    }
  }
  if (high - low > least) {
    sum += high - low;
    turns++;
  }
  return { sum, turns };
}

/** How a body's lightness swings down its columns and along its rows: sums (in L*), and how often down; medians over the lines. */
export interface Grain {
  readonly down: number;
  readonly across: number;
  readonly turns: number;
}

/**
 * Swings inside a body, judged on the picture at its own size, `factor` times as large as that of the outline. Of a ring,
 * which has a hole, the mask is given.
 */
export function grainOf(plate: Plate, outline: Outline, mask: Uint8Array | undefined, factor: number): Grain {
  const top = outline.top * factor,
    height = outline.left.length * factor;
  const edge = (row: number, side: number[]): number =>
    side[Math.max(0, Math.min(side.length - 1, (row / factor - outline.top) | 0))]! * factor;
  const maskWidth = Math.floor(plate.width / factor);
  const covered = (x: number, y: number): boolean =>
    !mask || mask[((y / factor) | 0) * maskWidth + ((x / factor) | 0)]! > 0;
  const line = new Float64Array(Math.max(plate.width, plate.height));
  const rows: { sum: number; turns: number }[] = [],
    columns: { sum: number; turns: number }[] = [];
  const inset = Math.max(3, 0.085 * height);
  const step = Math.max(1, Math.round(height / 24));
  for (let row = top + 0.3 * height; row < top + 0.85 * height; row += step) {
    const y = Math.round(row);
    const from = Math.ceil(edge(y, outline.left) + inset),
      to = Math.floor(edge(y, outline.right) - inset);
    if (to - from < 6 || y >= plate.height) continue;
    let count = 0;
    for (let x = from; x < to; x++) if (covered(x, y)) line[count++] = labAt(plate, y * plate.width + x)[0];
    if (count > 5) rows.push(swings(line, count, 12));
  }
  const left = Math.min(...outline.left) * factor,
    right = Math.max(...outline.right) * factor;
  for (let column = left + 0.25 * (right - left); column < right - 0.25 * (right - left); column += step) {
    const x = Math.round(column);
    let count = 0;
    for (let y = Math.ceil(top + inset); y < top + height - inset && y < plate.height; y++)
      if (x > edge(y, outline.left) + inset && x < edge(y, outline.right) - inset && covered(x, y))
        line[count++] = labAt(plate, y * plate.width + x)[0];
    if (count > 6) columns.push(swings(line, count, 12));
  }
  return {
    down: median(columns.map(({ sum }) => sum)),
    across: median(rows.map(({ sum }) => sum)),
    turns: median(columns.map(({ turns }) => turns)),
  };
}

/**
 * From which part of the swings down on those along rows tell of cells, not of bands: the light on a round or slanted side
 * swings along rows too, and a cylinder may show a single edge between its cells.
 */
const cellShare: Record<Shape, number> = { sphere: 0.42, cylinder: 0.42, cube: 0.62, cone: 0.85, torus: 0.6 };

/**
 * The pattern of a body from its grain in several frames. Patterns finer than the pixels can carry look plain. The plain
 * tube of a ring is bright and dark in turn.
 */
export function nameMaterial(grains: readonly Grain[], shape: Shape): Material {
  const [down, across, turns] = (["down", "across", "turns"] as const).map((key) =>
    median(grains.map((grain) => grain[key]).filter((value) => !Number.isNaN(value))),
  ) as [number, number, number];
  // A highlight or an edge swings once.
  const least = shape !== "torus" ? 64 : turns > 3 ? 150 : 190;
  if (turns < 2 || down < 30 || down + across < least) return "plain";
  const fine = turns > 12;
  if (across > cellShare[shape] * down) return fine ? "finely checkered" : "checkered";
  return fine ? "finely striped" : "striped";
}
