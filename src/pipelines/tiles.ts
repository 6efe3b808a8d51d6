/** Windows that cover an axis with overlap, and the weights that blend them. */
export interface Window {
  readonly start: number;
  readonly length: number;
}

/** As few windows of at most `size` cells as cover an axis when neighbours share `overlap` or more; all of one length. */
export function windows(length: number, size: number, overlap: number): Window[] {
  if (size >= length) return [{ start: 0, length }];
  return evenWindows(length, Math.ceil((length - overlap) / Math.max(1, size - overlap)), overlap);
}

/** `count` windows of the least length with which neighbours share `overlap` cells or more. */
export function evenWindows(length: number, count: number, overlap: number): Window[] {
  const size = Math.min(length, Math.ceil((length + (count - 1) * overlap) / count));
  return Array.from({ length: count }, (_, i) => ({
    start: count > 1 ? Math.floor((i * (length - size)) / (count - 1)) : 0,
    length: size,
  }));
}

/** Rows and columns of tiles. */
export interface Tiles {
  readonly rows: Window[];
  readonly columns: Window[];
}

/**
 * The tiles of at most `area` cells, (overlap + 1)^2 or more, that cover a grid with the fewest cells in all, what neighbours
 * share counted twice: where a grid is a little larger than a tile, one row of long tiles.
 */
export function tilesWithin(
  { height, width }: { height: number; width: number },
  area: number,
  overlap: number,
): Tiles {
  let best: Tiles = { rows: evenWindows(height, 1, 0), columns: evenWindows(width, 1, 0) };
  let least = Number.POSITIVE_INFINITY;
  for (let count = 1; count <= Math.max(1, height - overlap); count++) {
    const rows = evenWindows(height, count, overlap);
    const columns = windows(width, Math.floor(area / rows[0]!.length), overlap);
    const tile = rows[0]!.length * columns[0]!.length;
    const cells = tile * rows.length * columns.length;
    if (tile <= area && cells < least) [best, least] = [{ rows, columns }, cells];
  }
  return best;
}

/** The most that a tile has of latent frames and of cells in each, and how many of both neighbours share at least. */
export interface Tiling {
  readonly frames: number;
  readonly cells: number;
  readonly overlap: { readonly frames: number; readonly cells: number };
}

/** Windows of time, and the tiles of each. */
export interface Boxes extends Tiles {
  readonly times: Window[];
}

/** The windows and tiles that cover a clip of (frames, height, width) cells. */
export function tilesOf(
  grid: { frames: number; height: number; width: number },
  { frames, cells, overlap }: Tiling,
): Boxes {
  return { times: windows(grid.frames, frames, overlap.frames), ...tilesWithin(grid, cells, overlap.cells) };
}

/** The size of each tile, in cells. */
export const tileGrid = ({ times, rows, columns }: Boxes) => ({
  frames: times[0]!.length,
  height: rows[0]!.length,
  width: columns[0]!.length,
});

/** How many tiles there are in all windows of time. */
export const tileCount = ({ times, rows, columns }: Boxes): number => times.length * rows.length * columns.length;

/**
 * Weights of a window's `length` samples: rising over its first `before` samples and falling over its last `after`, so
 * that two windows that share n samples add up to 1 there.
 */
export function ramp(length: number, before: number, after: number): Float32Array {
  return Float32Array.from({ length }, (_, i) =>
    Math.min(1, before ? (i + 0.5) / before : 1, after ? (length - i - 0.5) / after : 1),
  );
}

/** How many samples each window shares with the one before it and the one after it, in samples of `scale` a cell. */
export function overlaps(all: readonly Window[], index: number, scale: number): [before: number, after: number] {
  const end = (window: Window) => window.start + window.length;
  const here = all[index]!;
  const [previous, next] = [all[index - 1], all[index + 1]];
  return [
    previous ? Math.max(0, end(previous) - here.start) * scale : 0,
    next ? Math.max(0, end(here) - next.start) * scale : 0,
  ];
}
