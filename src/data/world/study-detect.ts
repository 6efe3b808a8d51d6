import type { Frame } from "../../video/frame.ts";
import { type Blob, findBlobs, sweep } from "./detect/blobs.ts";
import { deltaE, labAt, labOf, median, type Plate, plateOf } from "./detect/lab.ts";
import { swings } from "./detect/looks.ts";
import { bodyColours, partner } from "./palette.ts";
import { type Colour, colours } from "./scene.ts";
import {
  type Drift,
  type Figure,
  type FigureShape,
  type Fill,
  figures,
  type Grain,
  type Place,
  type StudyScene,
} from "./study.ts";
import { isInside, renderStudy } from "./study-render.ts";

export type DetectedFigure = Pick<Figure, "shape" | "colour" | "fill" | "grain" | "size" | "motion"> & {
  readonly speed: Figure["speed"] | undefined;
  readonly x: number;
  readonly y: number;
};

export interface DetectedStudy {
  /** Largest first. */
  readonly figures: readonly DetectedFigure[];
  readonly place: Place | undefined;
}

/**
 * Recovers the figures of a flat clip from its pixels: the background is what the sides of a row show; colour and the share
 * of the second colour come from one fit to the mean light, the fill's direction and period from swings of lightness, and
 * turning from which rotation takes the first frame to the last. `detail` is the height at which fine fills have 3 pixels.
 */
export function detectStudy(frames: readonly Frame[], detail = 128): DetectedStudy {
  const plates = frames.map((frame) => plateOf(frame, Number.POSITIVE_INFINITY));
  const blobs = plates.map(findFigures);
  const last = plates.length - 1;
  const pair = blobs[0]!.length > 1;
  const found = blobs[0]!.slice(0, 2).map((blob) => {
    const { width, height } = plates[0]!;
    const { shape, radius } = nameFigure(blob, width, height);
    const { colour, share } = nameFill(plates[0]!, blob);
    const track = blobs.map((list) => list.toSorted((a, b) => away(a, blob) - away(b, blob))[0] ?? blob);
    const [start, end] = [track[0]!, track[last]!];
    const across = (end.x - start.x) / height,
      down = (end.y - start.y) / height;
    let motion: Drift = "still",
      speed: Figure["speed"] | undefined;
    const far = Math.max(Math.abs(across), Math.abs(down));
    if (last > 0 && far > 0.08) {
      motion = Math.abs(across) > Math.abs(down) ? (across > 0 ? "right" : "left") : down > 0 ? "down" : "up";
      speed = far > 0.26 ? "fast" : "slow";
    } else if (last > 0) {
      // A triangle turns about the middle of its height, above its centre of mass.
      const pivot = { x: start.x, y: start.y - (shape === "triangle" ? 0.2 * radius * height : 0) };
      const turn = findTurn(plates[0]!, plates[last]!, pivot, radius * 1.2 * height);
      if (turn > 0) motion = "clockwise";
      if (turn > 0) speed = turn > 0.8 ? "fast" : "slow";
    }
    const rough = nameGrain(plates[0]!, blob, share, detail);
    const { fill, grain } = settleDots(plates[0]!, blob, { shape, colour, radius, ...rough }, detail);
    const size = radius > (pair ? 0.15 : 0.175) ? ("large" as const) : ("small" as const);
    return { shape, colour, fill, grain, size, motion, speed, x: blob.x, y: blob.y };
  });
  const [a, b] = found;
  let place: Place | undefined;
  if (a && b) {
    if (Math.abs(a.x - b.x) > Math.abs(a.y - b.y)) place = a.x < b.x ? "left of" : "right of";
    else place = a.y < b.y ? "above" : "below";
  }
  return { figures: found, place };
}

const away = (a: Blob, b: Blob): number =>
  Math.hypot(a.x - b.x, a.y - b.y) + Math.abs(Math.sqrt(a.pixels.length) - Math.sqrt(b.pixels.length));

/** Everything that stands off the background; gaps of a pixel or two are closed. */
function findFigures(plate: Plate): Blob[] {
  const { width, height } = plate;
  const side = Math.max(2, Math.round(width * 0.06));
  let mask = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const labs = Array.from({ length: 2 * side }, (_, at) =>
      labAt(plate, row * width + (at < side ? at : width - 1 - (at - side))),
    );
    const middle = [0, 1, 2].map((axis) => median(labs.map((lab) => lab[axis]!))) as [number, number, number];
    for (let column = 0; column < width; column++) {
      const [L, a, b] = labAt(plate, row * width + column);
      // Grain is light and dark; hue tells more.
      if (Math.hypot(0.65 * (L - middle[0]), a - middle[1], b - middle[2]) > 12) mask[row * width + column] = 1;
    }
  }
  const grow = Math.max(1, Math.round(height / 64));
  for (let pass = 0; pass < grow; pass++) mask = sweep(mask, width, height, 1) as Uint8Array<ArrayBuffer>;
  for (let pass = 0; pass < grow; pass++) mask = sweep(mask, width, height, 5) as Uint8Array<ArrayBuffer>;
  mask = sweep(sweep(mask, width, height, 5), width, height, 1) as Uint8Array<ArrayBuffer>;
  return findBlobs(mask, width, 0.008 * height * height);
}

/** Areas in square radii, by counting. */
const areas = Object.fromEntries(
  figures.map((shape) => {
    let count = 0;
    for (let y = -1.2; y < 1.2; y += 0.02)
      for (let x = -1.2; x < 1.2; x += 0.02) if (isInside({ shape }, x, y)) count++;
    return [shape, count * 0.0004];
  }),
) as Record<FigureShape, number>;

/** The shape, at any angle, whose outline of the same area overlaps best. */
function nameFigure(blob: Blob, width: number, height: number): { shape: FigureShape; radius: number } {
  const covered = new Set(blob.pixels);
  let best = { shape: "circle" as FigureShape, radius: 0 },
    most = -1;
  for (const shape of figures) {
    const radius = Math.sqrt(blob.pixels.length / areas[shape]);
    // Centres of mass: a triangle's lies below the middle of its height.
    const lift = shape === "triangle" ? -0.2 * radius : 0;
    for (let step = 0; step < (shape === "circle" ? 1 : shape === "triangle" ? 24 : 12); step++) {
      const angle = (step * Math.PI) / 24 / (shape === "triangle" ? 0.75 : 1);
      const turn = shape === "triangle" ? -angle : angle;
      const sin = Math.sin(turn),
        cos = Math.cos(turn);
      let both = 0,
        either = 0;
      for (let y = Math.max(0, Math.floor(blob.y - 1.6 * radius)); y < Math.min(height, blob.y + 1.6 * radius); y++)
        for (let x = Math.max(0, Math.floor(blob.x - 1.6 * radius)); x < Math.min(width, blob.x + 1.6 * radius); x++) {
          const u = x + 0.5 - blob.x,
            v = blob.y - y - 0.5;
          const a = isInside({ shape }, (u * cos + v * sin) / radius, (v * cos - u * sin + lift) / radius),
            b = covered.has(y * width + x);
          if (a && b) both++;
          if (a || b) either++;
        }
      if (both / either > most) {
        most = both / either;
        best = { shape, radius: radius / height };
      }
    }
  }
  return best;
}

/** The colour, and the share of its second colour, that explain the mean light inside a figure best. */
function nameFill(plate: Plate, blob: Blob): { colour: Colour; share: number } {
  const covered = new Set(blob.pixels);
  const { width } = plate;
  const inner = blob.pixels.filter((pixel) =>
    [2, -2, 2 * width, -2 * width].every((offset) => covered.has(pixel + offset)),
  );
  const light = [0, 1, 2].map(
    (channel) => inner.reduce((sum, pixel) => sum + plate.light[pixel * 3 + channel]!, 0) / Math.max(1, inner.length),
  );
  const seen = labOf(light[0]!, light[1]!, light[2]!);
  let best = { colour: "red" as Colour, share: 0 },
    least = Number.POSITIVE_INFINITY;
  for (const colour of colours) {
    const base = bodyColours[colour],
      second = partner(colour);
    for (let share = 0; share < 0.62; share += 0.02) {
      const [r, g, b] = base.map((value, channel) => value + share * (second[channel]! - value)) as [
        number,
        number,
        number,
      ];
      const gap = deltaE(seen, labOf(r, g, b));
      if (gap < least) {
        least = gap;
        best = { colour, share };
      }
    }
  }
  return best;
}

/** Direction and period of the fill; its first frame is upright. */
function nameGrain(plate: Plate, blob: Blob, share: number, detail: number): { fill: Fill; grain: Grain } {
  const { width, height } = plate;
  const covered = new Set(blob.pixels);
  const measureLines = (
    start: number,
    lines: number,
    length: number,
    step: number,
    next: number,
  ): { sum: number; period: number } => {
    const sums: number[] = [],
      periods: number[] = [];
    const values = new Float64Array(length);
    for (let line = 0; line < lines; line++) {
      let count = 0;
      for (let at = 0; at < length; at++) {
        const pixel = start + line * next + at * step;
        if (!covered.has(pixel) || !covered.has(pixel - 2 * step) || !covered.has(pixel + 2 * step)) continue;
        values[count++] = labAt(plate, pixel)[0];
      }
      if (count < 5) continue;
      const { sum, turns } = swings(values, count, 7);
      sums.push(sum / count);
      if (turns > 0) periods.push((2 * count) / turns);
    }
    return { sum: sums.length ? sums.reduce((a, b) => a + b, 0) / sums.length : 0, period: median(periods) };
  };
  const wide = blob.right - blob.left,
    tall = blob.bottom - blob.top;
  const corner = blob.top * width + blob.left;
  const across = measureLines(corner, tall, wide, 1, width),
    down = measureLines(corner, wide, tall, width, 1);
  let fill: Fill = "plain";
  const strong = Math.max(across.sum, down.sum);
  if (share > 0.12 && strong > 1) {
    if (across.sum < 0.3 * down.sum) fill = "horizontal stripes";
    else if (down.sum < 0.3 * across.sum) fill = "vertical stripes";
    else fill = share > 0.405 ? "checks" : "dots";
  }
  const period = Math.min(...[across, down].filter(({ sum }) => sum > 0.3 * strong).map(({ period }) => period));
  return { fill, grain: fill !== "plain" && (period / height) * detail < 5 ? "fine" : "coarse" };
}

/** Checks and dots swing alike, so where one was found both are drawn, and the one nearer to the picture is kept. */
function settleDots(
  plate: Plate,
  blob: Blob,
  figure: Pick<Figure, "shape" | "colour" | "radius" | "fill" | "grain">,
  detail: number,
): { fill: Fill; grain: Grain } {
  const { width, height } = plate;
  let best = { fill: figure.fill, grain: figure.grain },
    least = Number.POSITIVE_INFINITY;
  if (figure.fill !== "checks" && figure.fill !== "dots") return best;
  const lift = figure.shape === "triangle" ? 0.2 * figure.radius * height : 0;
  for (const fill of ["checks", "dots"] as const) {
    // The centre is known to about half a pixel.
    for (let shift = 0; shift < 9; shift++) {
      const drawn: Figure = {
        ...figure,
        fill,
        size: "large",
        motion: "still",
        speed: "slow",
        period: (figure.grain === "fine" ? 3 : 8) / detail,
        x: (blob.x + ((shift % 3) - 1) * 0.4 - width / 2) / height,
        y: 0.5 - (blob.y - lift + (Math.floor(shift / 3) - 1) * 0.4) / height,
        angle: 0,
        travel: 0,
      };
      const scene: StudyScene = { figures: [drawn], place: undefined, background: "plain", tone: "grey", seed: 1 };
      const other = plateOf(renderStudy(scene, { width, height, frames: 1 }).frames[0]!, height);
      let gap = 0;
      for (const pixel of blob.pixels)
        for (let channel = 0; channel < 3; channel++)
          gap += Math.abs(plate.light[pixel * 3 + channel]! - other.light[pixel * 3 + channel]!);
      if (gap < least) {
        least = gap;
        best = { fill, grain: figure.grain };
      }
    }
  }
  return best;
}

/** By which of the angles a figure can turn (0, slow, fast) the first frame comes nearest to the last; 0.1 rad either way is tried. */
function findTurn(first: Plate, last: Plate, centre: { x: number; y: number }, reach: number): number {
  let best = 0,
    least = Number.POSITIVE_INFINITY;
  const { width, height } = first;
  for (const angle of [0, 0.5, 0.55, 0.6, 1.15, 1.2, 1.25]) {
    const sin = Math.sin(angle),
      cos = Math.cos(angle);
    let sum = 0,
      count = 0;
    for (let y = -reach; y <= reach; y += 1) {
      for (let x = -reach; x <= reach; x += 1) {
        if (x * x + y * y > reach * reach) continue;
        const to = pixelAt(centre.x + x, centre.y + y),
          from = pixelAt(centre.x + x * cos + y * sin, centre.y - x * sin + y * cos);
        if (to < 0 || from < 0) continue;
        sum += Math.abs(labAt(first, from)[0] - labAt(last, to)[0]);
        count++;
      }
    }
    // Standing still is the plain answer.
    const cost = sum / count + (angle === 0 ? 0 : 0.4);
    if (cost < least) {
      least = cost;
      best = angle;
    }
  }
  return best;
  function pixelAt(x: number, y: number): number {
    return x < 0 || y < 0 || x >= width || y >= height ? -1 : (y | 0) * width + (x | 0);
  }
}

export type StudyAttribute = "shape" | "colour" | "fill" | "grain" | "size" | "motion" | "speed" | "place" | "count";

/** For each attribute of a scene whether it was recovered, for both figures of a pair. */
export function scoreStudy(scene: StudyScene, seen: DetectedStudy): Partial<Record<StudyAttribute, boolean>> {
  const marks: Partial<Record<StudyAttribute, boolean>> = { count: scene.figures.length === seen.figures.length };
  const [first, second] = scene.figures;
  const [a, b] = seen.figures;
  // The order of a pair is that of the better match; figures that look alike are told by where they are.
  const inPlace = second && a && b ? (first!.x - second.x) * (a.x - b.x) - (first!.y - second.y) * (a.y - b.y) : 0;
  const match = (order: readonly DetectedFigure[]): number =>
    scene.figures.reduce(
      (sum, figure, index) =>
        sum + (["shape", "colour", "fill"] as const).filter((key) => order[index]?.[key] === figure[key]).length,
      order === seen.figures && inPlace > 0 ? 0.5 : 0,
    );
  const reversed = seen.figures.toReversed();
  const turned = second !== undefined && match(reversed) > match(seen.figures) - (inPlace > 0 ? 0 : 0.25);
  const order = turned ? reversed : seen.figures;
  for (const key of ["shape", "colour", "fill", "grain", "size", "motion"] as const)
    marks[key] = scene.figures.every((figure, index) => order[index]?.[key] === figure[key]);
  if (scene.figures[0]!.motion !== "still") marks.speed = order[0]?.speed === scene.figures[0]!.speed;
  const opposite = { "left of": "right of", "right of": "left of", above: "below", below: "above" } as const;
  if (scene.place)
    marks.place = seen.place !== undefined && (turned ? opposite[seen.place] : seen.place) === scene.place;
  return marks;
}

/** Marks what a clip shows against the scene that it should show. `detail` as in `detectStudy`. */
export function judgeStudy(
  scene: StudyScene,
  frames: readonly Frame[],
  detail?: number,
): Partial<Record<StudyAttribute, boolean>> {
  return scoreStudy(scene, detectStudy(frames, detail));
}
