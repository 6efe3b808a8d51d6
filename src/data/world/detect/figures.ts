/** What a plane figure of the study looks like: where it is, its shape and its colour. */
import { bodyColours, partner } from "../palette.ts";
import { type Colour, colours } from "../scene.ts";
import { type FigureShape, figures } from "../study.ts";
import { isInside } from "../study-render.ts";
import { type Blob, findBlobs, sweep } from "./blobs.ts";
import { deltaE, labAt, labOf, median, type Plate } from "./lab.ts";

/** Everything that stands off the background; gaps of a pixel or two are closed. */
export function findFigures(plate: Plate): Blob[] {
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
export function nameFigure(blob: Blob, width: number, height: number): { shape: FigureShape; radius: number } {
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
export function nameFill(plate: Plate, blob: Blob): { colour: Colour; share: number } {
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
