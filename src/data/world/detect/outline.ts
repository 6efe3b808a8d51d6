import type { Shape } from "../scene.ts";
import { type Blob, measure } from "./blobs.ts";
import { bestMatches, drawingSize, drawnHeight, type Match, solidDrawings, type Template } from "./templates.ts";

/** Rows of a convex outline: columns [left, right) of each picture row from `top` on. */
export interface Outline {
  readonly top: number;
  readonly left: number[];
  readonly right: number[];
  readonly area: number;
  readonly x: number;
  readonly y: number;
}

/** The convex hull of a blob. All solids but the torus are convex, so gaps in their masks are closed by it. */
export function hullOf(blob: Blob, width: number): Outline {
  const rows = blob.bottom - blob.top;
  const left = new Array<number>(rows).fill(Number.POSITIVE_INFINITY),
    right = new Array<number>(rows).fill(Number.NEGATIVE_INFINITY);
  for (const pixel of blob.pixels) {
    const x = pixel % width,
      y = ((pixel / width) | 0) - blob.top;
    left[y] = Math.min(left[y]!, x);
    right[y] = Math.max(right[y]!, x + 1);
  }
  tighten(left, 1);
  tighten(right, -1);
  let area = 0,
    x = 0,
    y = 0;
  for (let row = 0; row < rows; row++) {
    const span = right[row]! - left[row]!;
    area += span;
    x += (span * (left[row]! + right[row]!)) / 2;
    y += span * (blob.top + row + 0.5);
  }
  return { top: blob.top, left, right, area, x: x / area, y: y / area };
}

/** Replaces one side of an outline by its convex envelope (lower for sign 1, upper for -1). */
function tighten(side: number[], sign: 1 | -1): void {
  const hull: number[] = [];
  for (let row = 0; row < side.length; row++) {
    if (!Number.isFinite(side[row]!)) continue;
    while (hull.length > 1) {
      const a = hull.at(-2)!,
        b = hull.at(-1)!;
      const bend = (b - a) * (side[row]! - side[a]!) - (row - a) * (side[b]! - side[a]!);
      if (bend * sign > 0) break;
      hull.pop();
    }
    hull.push(row);
  }
  for (let index = 0; index + 1 < hull.length; index++) {
    const a = hull[index]!,
      b = hull[index + 1]!;
    for (let row = a + 1; row < b; row++) side[row] = side[a]! + ((side[b]! - side[a]!) * (row - a)) / (b - a);
  }
}

const side = 44,
  /** Cells that an outline covers once it is brought to the common size. */
  cells = 700;

/**
 * An outline brought to one area, its centre of mass in the middle: unlike a bounding box these hardly change when blur
 * rounds a corner. `covered` tells which of its pixels are no hole.
 */
function grid(outline: Outline, covered?: (x: number, y: number) => boolean): Uint8Array {
  const out = new Uint8Array(side * side);
  const scale = Math.sqrt(outline.area / cells);
  for (let row = 0; row < side; row++) {
    const y = outline.y + (row + 0.5 - side / 2) * scale;
    const line = Math.floor(y - outline.top);
    if (line < 0 || line >= outline.left.length) continue;
    for (let column = 0; column < side; column++) {
      const x = outline.x + (column + 0.5 - side / 2) * scale;
      if (x < outline.left[line]! || x >= outline.right[line]!) continue;
      if (!covered || covered(x | 0, y | 0)) out[row * side + column] = 1;
    }
  }
  return out;
}

let templates: Template[] | undefined;

function allTemplates(): Template[] {
  templates ??= solidDrawings().map(({ shape, mask }) => {
    const outline = hullOf(blobOf(mask, drawingSize), drawingSize);
    const raw = grid(outline, (x, y) => mask[y * drawingSize + x]! > 0);
    return { shape, grid: raw, scale: drawnHeight / (Math.sqrt(outline.area) / drawingSize) };
  });
  return templates;
}

function blobOf(mask: Uint8Array, width: number): Blob {
  return measure(
    [...mask.keys()].filter((pixel) => mask[pixel]),
    width,
  );
}

/** For each shape the best overlap with a template. */
export function matchShapes(
  outline: Outline,
  mask: Uint8Array,
  width: number,
  candidates: readonly Shape[],
): Record<Shape, Match> {
  const covered = (x: number, y: number): boolean => mask[y * width + x]! > 0;
  let seen = grid(outline);
  // A hole in the middle is a ring's; anywhere else it is a flaw of the mask.
  const height = outline.left.length;
  let open = 0,
    count = 0;
  for (let y = -0.1; y <= 0.1; y += 0.04) {
    for (let x = -0.1; x <= 0.1; x += 0.04) {
      count++;
      if (!covered((outline.x + x * height) | 0, (outline.y + y * height) | 0)) open++;
    }
  }
  // A dark band lost on dark ground runs from side to side; a hole has tube on both sides.
  const line = Math.max(0, Math.min(height - 1, Math.floor(outline.y - outline.top)));
  const wide = outline.right[line]! - outline.left[line]!;
  const closed = [0.05, 0.1, 0.15].some(
    (part) =>
      covered((outline.left[line]! + part * wide) | 0, outline.y | 0) &&
      covered((outline.right[line]! - part * wide) | 0, outline.y | 0),
  );
  if (closed && open > 0.4 * count) seen = grid(outline, covered);
  return bestMatches(seen, allTemplates(), candidates);
}
