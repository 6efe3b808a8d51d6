import { InputError } from "../base/errors.ts";

/** One picture: RGB, 8 bits a channel, rows from the top, channels interleaved; data has width * height * 3 bytes. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Frames of one size at a constant rate. */
export interface Clip {
  readonly frames: Frame[];
  readonly fps: number;
}

/**
 * Planar floats in [-1, 1], layout [3, F, H, W] (what models take and give), from frames of one size.
 */
export function framesToPlanar(frames: readonly Frame[]): Float32Array {
  const { width, height } = frames[0] ?? { width: 0, height: 0 };
  const area = width * height;
  const out = new Float32Array(3 * frames.length * area);
  for (const [index, frame] of frames.entries()) {
    if (frame.width !== width || frame.height !== height)
      throw new InputError(
        `frames of one clip must have one size: ${frame.width}x${frame.height} among ${width}x${height}`,
      );
    for (let channel = 0; channel < 3; channel++) {
      const base = (channel * frames.length + index) * area;
      for (let pixel = 0; pixel < area; pixel++) out[base + pixel] = frame.data[pixel * 3 + channel]! / 127.5 - 1;
    }
  }
  return out;
}

/** The inverse of `framesToPlanar`: values are clamped to [-1, 1] and rounded to 8 bits. */
export function planarToFrames(data: Float32Array, count: number, height: number, width: number): Frame[] {
  const area = width * height;
  if (data.length !== 3 * count * area)
    throw new InputError(`[3, ${count}, ${height}, ${width}] needs ${3 * count * area} values, got ${data.length}`);
  return Array.from({ length: count }, (_, index) => planarFrame(data, index, count, height, width));
}

/** One frame of [3, F, H, W], as `planarToFrames` makes it. */
export function planarFrame(data: Float32Array, index: number, count: number, height: number, width: number): Frame {
  const area = width * height;
  const bytes = new Uint8Array(area * 3);
  for (let channel = 0; channel < 3; channel++) {
    const base = (channel * count + index) * area;
    for (let pixel = 0; pixel < area; pixel++)
      bytes[pixel * 3 + channel] = Math.max(0, Math.min(255, Math.round((data[base + pixel]! + 1) * 127.5)));
  }
  return { width, height, data: bytes };
}
