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
