/** Windows that cover an axis with overlap, and the weights that blend them. */
export interface Window {
  readonly start: number;
  readonly length: number;
}

/** Windows of at most `size` cells, each starting `size - overlap` after the one before; the last ends at `length`. */
export function windows(length: number, size: number, overlap: number): Window[] {
  if (size >= length) return [{ start: 0, length }];
  const stride = Math.max(1, size - overlap);
  const count = Math.ceil((length - overlap) / stride);
  return Array.from({ length: count }, (_, i) => {
    const start = Math.min(i * stride, length - size);
    return { start, length: size };
  });
}

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
