/** Latents as models and files hold them. */
import { InputError } from "../base/errors.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { compression, type LtxVaeConfig } from "../models/ltx-vae/config.ts";

/** Size of a video in pixels and frames. */
export interface VideoSize {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** Cells of the latent grid; a size off the grid is an InputError that names the nearest larger one. */
export function gridOf(size: VideoSize, config: LtxVaeConfig): Grid {
  const snapped = snap(size, config);
  if (snapped.width !== size.width || snapped.height !== size.height || snapped.frames !== size.frames)
    throw new InputError(`${format(size)} is off this model's grid`, { hint: `the next larger is ${format(snapped)}` });
  const [t, h, w] = compression(config);
  return { frames: (size.frames - 1) / t + 1, height: size.height / h, width: size.width / w };
}

/** The next size on the grid: multiples of the compression, and one frame more than a multiple of it. */
export function snap({ width, height, frames }: VideoSize, config: LtxVaeConfig): VideoSize {
  const [t, h, w] = compression(config);
  const up = (x: number, step: number) => Math.max(1, Math.ceil(x / step)) * step;
  return { width: up(width, w), height: up(height, h), frames: Math.ceil(Math.max(0, frames - 1) / t) * t + 1 };
}

const format = ({ width, height, frames }: VideoSize): string => `${width}x${height} with ${frames} frames`;

/** Latents [C, f, h, w] as tokens [N, C]: frame-major, then rows, then columns (patch 1). */
export function pack(latents: Float32Array, channels: number): Float32Array {
  const tokens = latents.length / channels;
  const out = new Float32Array(latents.length);
  for (let c = 0; c < channels; c++) for (let n = 0; n < tokens; n++) out[n * channels + c] = latents[c * tokens + n]!;
  return out;
}

/** The inverse of `pack`. */
export function unpack(tokens: Float32Array, channels: number, grid: Grid): Float32Array {
  const count = tokensOf(grid);
  const out = new Float32Array(tokens.length);
  for (let n = 0; n < count; n++) for (let c = 0; c < channels; c++) out[c * count + n] = tokens[n * channels + c]!;
  return out;
}

export interface Statistics {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** Latents [C, ...] to zero mean and unit deviation per channel. */
export function normalise(latents: Float32Array, { mean, deviation }: Statistics): Float32Array {
  const area = latents.length / mean.length;
  return latents.map((z, i) => (z - mean[Math.floor(i / area)]!) / deviation[Math.floor(i / area)]!);
}

/** The inverse of `normalise`. */
export function denormalise(latents: Float32Array, { mean, deviation }: Statistics): Float32Array {
  const area = latents.length / mean.length;
  return latents.map((z, i) => z * deviation[Math.floor(i / area)]! + mean[Math.floor(i / area)]!);
}
