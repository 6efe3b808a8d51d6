import { render } from "../render.ts";
import { type Body, type Shape, shapes } from "../scene.ts";
import { emptyScene } from "./surroundings.ts";

/** Width and height of the drawings, and the height of the solids in them (world units). */
export const drawingSize = 96,
  drawnHeight = 0.9;

/** Which pixels of a square picture a solid covers. */
export interface Drawing {
  readonly shape: Shape;
  readonly mask: Uint8Array;
}

const yaws: Record<Shape, readonly number[]> = {
  sphere: [0],
  cube: [0, 0.2, 0.4, 0.6, 0.785, 0.97, 1.17, 1.37],
  cylinder: [0],
  cone: [0],
  torus: [0, 0.25, 0.5, 0.75, 1, 1.25, 1.55],
};

let drawings: Drawing[] | undefined;

/** What each solid looks like from this world's camera, turned and lifted, drawn by its own renderer. */
export function solidDrawings(): readonly Drawing[] {
  drawings ??= shapes.flatMap((shape) =>
    yaws[shape].flatMap((yaw) => [0, 0.35, 0.7].map((lift) => ({ shape, mask: draw(shape, yaw, lift) }))),
  );
  return drawings;
}

function draw(shape: Shape, yaw: number, lift: number): Uint8Array {
  const body: Body = {
    shape,
    colour: "red",
    material: "plain",
    size: "large",
    motion: "up",
    height: drawnHeight,
    across: 0,
    depth: 0,
    yaw,
    travel: lift,
    period: 0,
  };
  // Two frames: the last one is at the end of the way up.
  const picture = { width: drawingSize, height: drawingSize, frames: 2, range: { first: 1, count: 1 } };
  return render({ ...emptyScene("overcast"), bodies: [body] }, picture).masks[0]!;
}

/** A drawing on a detector's common grid: how much of each cell the solid covers, 0 to 1. */
export interface Template {
  readonly shape: Shape;
  readonly grid: ArrayLike<number>;
  /** World height of the solid over the square root of its area in parts of the picture's height, at depth 0. */
  readonly scale: number;
}

/** How well a body's grid fits the best template of a shape. */
export interface Match {
  /** Intersection over union. */
  readonly overlap: number;
  /** That template's. */
  readonly scale: number;
}

/** For each shape the template that overlaps most; 0 where a shape is no candidate. */
export function bestMatches(
  grid: ArrayLike<number>,
  templates: readonly Template[],
  candidates: readonly Shape[],
): Record<Shape, Match> {
  const best = Object.fromEntries(shapes.map((shape) => [shape, { overlap: 0, scale: 1 }])) as Record<Shape, Match>;
  for (const { shape, grid: drawn, scale } of templates) {
    if (!candidates.includes(shape)) continue;
    let both = 0,
      either = 0;
    for (let cell = 0; cell < grid.length; cell++) {
      both += Math.min(grid[cell]!, drawn[cell]!);
      either += Math.max(grid[cell]!, drawn[cell]!);
    }
    if (both / either > best[shape].overlap) best[shape] = { overlap: both / either, scale };
  }
  return best;
}
