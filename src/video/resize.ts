import { InputError } from "../base/errors.ts";
import type { Frame } from "./frame.ts";

/** How much a source pixel counts at a distance, measured in pixels of the coarser of the two pictures. */
const kernels = {
  /** Every source pixel by the area it shares with the target pixel. */
  area: { radius: 0.5, weight: (x: number) => (Math.abs(x) <= 0.5 ? 1 : 0) },
  bilinear: { radius: 1, weight: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  /** Keys' cubic, a = -1/2. */
  bicubic: {
    radius: 2,
    weight: (x: number) => {
      const d = Math.abs(x);
      if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
      return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
} as const;

export type ResizeMethod = keyof typeof kernels;

/** Another size. When shrinking, the kernel widens with the factor, so that nothing flickers or aliases. */
export function resizeFrame(frame: Frame, width: number, height: number, method: ResizeMethod = "bicubic"): Frame {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
    throw new InputError(`cannot resize to ${width}x${height}`);
  if (width === frame.width && height === frame.height) return frame;
  const columns = taps(frame.width, width, method);
  const rows = taps(frame.height, height, method);
  // Rows of the source first become `width` wide, as floats, then columns of those are summed.
  const wide = new Float32Array(frame.height * width * 3);
  for (let y = 0; y < frame.height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x]!;
      let r = 0;
      let g = 0;
      let b = 0;
      for (let tap = 0, at = (y * frame.width + first) * 3; tap < weights.length; tap++, at += 3) {
        const weight = weights[tap]!;
        r += weight * frame.data[at]!;
        g += weight * frame.data[at + 1]!;
        b += weight * frame.data[at + 2]!;
      }
      wide.set([r, g, b], (y * width + x) * 3);
    }
  }
  const out = new Uint8ClampedArray(width * height * 3); // rounds and clamps
  const sum = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y]!;
    sum.fill(0);
    for (let tap = 0; tap < weights.length; tap++) {
      const weight = weights[tap]!;
      const base = (first + tap) * width * 3;
      for (let at = 0; at < width * 3; at++) sum[at]! += weight * wide[base + at]!;
    }
    out.set(sum, y * width * 3);
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** For each target pixel: the first source pixel that counts, and the weights from there on; they sum to 1. */
function taps(source: number, target: number, method: ResizeMethod): { first: number; weights: Float64Array }[] {
  const { radius, weight } = kernels[method];
  const scale = source / target;
  const stretch = Math.max(1, scale);
  return Array.from({ length: target }, (_, index) => {
    if (method === "area") return areaTaps(index * scale, (index + 1) * scale, source);
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.ceil(centre - radius * stretch - 0.5));
    const last = Math.min(source - 1, Math.floor(centre + radius * stretch - 0.5));
    const weights = Float64Array.from({ length: last - first + 1 }, (_, tap) =>
      weight((first + tap + 0.5 - centre) / stretch),
    );
    const total = weights.reduce((sum, value) => sum + value, 0);
    return { first, weights: weights.map((value) => value / total) };
  });
}

/** How much of the interval from `start` to `end` each source pixel covers. */
function areaTaps(start: number, end: number, source: number): { first: number; weights: Float64Array } {
  const first = Math.min(source - 1, Math.floor(start));
  const last = Math.min(source - 1, Math.ceil(end - 1e-9) - 1);
  const weights = Float64Array.from(
    { length: last - first + 1 },
    (_, tap) => (Math.min(end, first + tap + 1) - Math.max(start, first + tap)) / (end - start),
  );
  return { first, weights };
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A part of a frame. */
export function cropFrame(frame: Frame, { x, y, width, height }: Rectangle): Frame {
  const isInside =
    x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= frame.width && y + height <= frame.height;
  if (!isInside || ![x, y, width, height].every(Number.isInteger))
    throw new InputError(`cannot crop ${width}x${height} at ${x},${y} from ${frame.width}x${frame.height}`);
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * frame.width + x) * 3;
    data.set(frame.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}

/** Scales until the whole target is covered, then crops what sticks out equally on both sides. */
export function coverFrame(frame: Frame, width: number, height: number, method: ResizeMethod = "bicubic"): Frame {
  const scale = Math.max(width / frame.width, height / frame.height);
  const scaledWidth = Math.max(width, Math.round(frame.width * scale));
  const scaledHeight = Math.max(height, Math.round(frame.height * scale));
  const scaled = resizeFrame(frame, scaledWidth, scaledHeight, method);
  const [x, y] = [Math.floor((scaledWidth - width) / 2), Math.floor((scaledHeight - height) / 2)];
  return cropFrame(scaled, { x, y, width, height });
}

/** Turned clockwise by quarter turns, as the metadata of a phone's video asks for. */
export function rotateFrame(frame: Frame, degrees: 0 | 90 | 180 | 270): Frame {
  if (degrees === 0) return frame;
  const { width, height } = frame;
  const swap = degrees !== 180;
  const [outWidth, outHeight] = swap ? [height, width] : [width, height];
  const data = new Uint8Array(frame.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [toX, toY] =
        degrees === 90 ? [height - 1 - y, x] : degrees === 180 ? [width - 1 - x, height - 1 - y] : [y, width - 1 - x];
      const from = (y * width + x) * 3;
      const to = (toY * outWidth + toX) * 3;
      data[to] = frame.data[from]!;
      data[to + 1] = frame.data[from + 1]!;
      data[to + 2] = frame.data[from + 2]!;
    }
  }
  return { width: outWidth, height: outHeight, data };
}
