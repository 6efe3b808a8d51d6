/**
 * Arithmetic of a denoising step, before any hardware: tokens from pixels, operations from tokens (multiply-add counts as
 * two), and seconds from operations where some have been measured. What is below 3 % of a step is left out: attention to the
 * text, norms, modulation, projections in and out.
 */
import { type Estimate, studentQuantile } from "./interval.ts";

/** A video transformer as far as its arithmetic goes. */
export interface StepModel {
  readonly name: string;
  readonly layers: number;
  readonly width: number;
  /** Weights that each video token meets in a layer, in units of width². */
  readonly weights: number;
  /** Frames, rows and columns of pixels to a token; the first frame has tokens of its own. */
  readonly span: readonly [number, number, number];
}

/** LTX-Video 2B, either stage of Turbo2K: self-attention 4, queries and outputs of cross-attention 2, feed-forward 8. */
export const turbo2k: StepModel = { name: "Turbo2K", layers: 28, width: 2048, weights: 14, span: [8, 32, 32] };
const dense = { weights: 12, span: [4, 16, 16] } as const;
/** Joint attention 4, feed-forward 8, tokens of 2x2 cells of an 8x8x4 latent. */
export const cogVideoX2b: StepModel = { name: "CogVideoX-2B", layers: 30, width: 1920, ...dense };
export const cogVideoX5b: StepModel = { name: "CogVideoX-5B", layers: 42, width: 3072, ...dense };
/** 20 double and 40 single blocks, alike in what a video token meets. */
export const hunyuanVideo: StepModel = { name: "HunyuanVideo", layers: 60, width: 3072, ...dense };

export interface Video {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

export function tokenCount({ width, height, frames }: Video, { span: [t, h, w] }: Pick<StepModel, "span">): number {
  return ((frames - 1) / t + 1) * (height / h) * (width / w);
}

export interface StepFlops {
  readonly linear: number;
  readonly attention: number;
  readonly total: number;
}

/** Operations of one forward pass over `tokens`: 2 P N and 4 N² d L. */
export function stepFlops({ layers, width, weights }: StepModel, tokens: number): StepFlops {
  const linear = 2 * weights * width ** 2 * layers * tokens;
  const attention = 4 * tokens ** 2 * width * layers;
  return { linear, attention, total: linear + attention };
}

/** How many times more operations a forward pass of one model takes than of another for the same video. */
export const flopsRatio = (one: StepModel, other: StepModel, video: Video): number =>
  stepFlops(one, tokenCount(video, one)).total / stepFlops(other, tokenCount(video, other)).total;

/**
 * Seconds per denoising step at 2560x1440 on one A100 as printed (Turbo2K, arXiv 2504.14470, Table 2; guidance, precision and
 * attention kernel are not stated). All but Turbo2K ran out of memory at 121 frames.
 */
export const table2 = {
  "CogVideoX-2B": { 49: 94.68 },
  "CogVideoX-5B": { 49: 220.12 },
  "CogVideoX1.5-5B": { 49: 87.82 },
  "Mochi-10B": { 49: 105.09 },
  "HunyuanVideo-13B": { 49: 132.7 },
  "Turbo2K-4B": { 49: 5.08, 121: 22.8 },
} as const;

export interface Sample {
  readonly tokens: number;
  readonly seconds: number;
}

/** Seconds of a layer over N tokens as `linear` N + `quadratic` N². */
export interface TimeFit {
  readonly linear: number;
  readonly quadratic: number;
  /** With a 95 % interval of the fit, where there are more than two samples; it does not cover a wrong form. */
  at(tokens: number): Estimate;
}

/**
 * Least squares on relative errors.
 * @throws RangeError for fewer than two sizes
 */
export function fitTimes(samples: readonly Sample[]): TimeFit {
  if (new Set(samples.map(({ tokens }) => tokens)).size < 2) throw new RangeError("a fit needs two sizes or more");
  const unit = Math.max(...samples.map(({ tokens }) => tokens)); // tokens in units near 1 keep the sums well scaled
  const rows = samples.map(({ tokens, seconds }) => {
    const x = tokens / unit;
    return [x / seconds, x ** 2 / seconds] as const;
  });
  const sum = (of: (row: readonly [number, number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  const [aa, ab, bb] = [sum(([a]) => a * a), sum(([a, b]) => a * b), sum(([, b]) => b * b)];
  const [a, b] = [sum(([one]) => one), sum(([, one]) => one)];
  const det = aa * bb - ab * ab;
  const [linear, quadratic] = [(bb * a - ab * b) / det, (aa * b - ab * a) / det];
  const freedom = samples.length - 2;
  const variance = freedom > 0 ? sum(([x, y]) => (1 - linear * x - quadratic * y) ** 2) / freedom : 0;
  return {
    linear: linear / unit,
    quadratic: quadratic / unit ** 2,
    at(tokens) {
      const [x, y] = [tokens / unit, (tokens / unit) ** 2];
      const value = linear * x + quadratic * y;
      if (freedom < 1) return { value, low: null, high: null, n: samples.length };
      const spread = (x * x * bb - 2 * x * y * ab + y * y * aa) / det;
      const reach = studentQuantile(freedom) * Math.sqrt(variance * spread);
      return { value, low: value - reach, high: value + reach, n: samples.length };
    },
  };
}
