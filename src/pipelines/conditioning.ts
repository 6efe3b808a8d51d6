/**
 * Given pictures and clips as part of what is denoised, by a noise level of each token (Lightricks/LTX-Video,
 * `pipeline_ltx_video.py`, `prepare_conditioning`): what stands at frame 0 takes the place of latents, what stands
 * later is appended as tokens with positions of its own, which are removed in the end.
 */
import { InputError } from "../base/errors.ts";
import { joined } from "../base/joined.ts";
import { coordinates, type Grid, type Positions, tokensOf } from "../models/ltx/rope.ts";
import type { Denoiser } from "../samplers/euler.ts";
import type { Frame } from "../video/frame.ts";
import type { EncodedClip } from "./encode-frames.ts";

/** What a request gives: frames, of any size, that stand from a frame of the video on. */
export interface Condition {
  readonly frames: readonly Frame[];
  /** Frame of the video where they begin. */
  readonly frame: number;
  /** 1: they stay as they are. Less: they are changed as well, from that much less noise on. */
  readonly strength: number;
}

/** A condition as latents. */
export interface EncodedCondition extends EncodedClip, Pick<Condition, "frame" | "strength"> {}

/** A denoiser that may be told a noise level for each token [N]; its estimate holds where that is `sigma`. */
export type TokenDenoiser = (x: Float32Array, sigma: number, levels?: Float32Array) => Promise<Float32Array>;

export interface Conditioned {
  /** Tokens with the appended ones, to start from [N', C]. */
  readonly initial: Float32Array;
  /** Coordinates of all tokens, three axes. */
  readonly places: readonly Float32Array[];
  readonly denoise: (denoise: TokenDenoiser) => Denoiser;
  /** The video's own tokens [N, C] of all. */
  readonly own: (tokens: Float32Array) => Float32Array;
}

export interface ConditionOptions {
  readonly grid: Grid;
  /** Tokens [N, C] to start from. */
  readonly noise: Float32Array;
  /** More noise, by what it is for. */
  readonly gaussian: (length: number, of: string) => Float32Array;
  readonly positions: Positions;
}

/** Noise on what is given and stays, as a share of σ² (published for 0.9.5 and later, whose training had it). */
const restlessShare = 0.15;

/**
 * Places conditions in a clip and around it.
 * @throws InputError for frames outside the video
 */
export function condition(
  conditions: readonly EncodedCondition[],
  { grid, noise, gaussian, positions }: ConditionOptions,
): Conditioned {
  const count = tokensOf(grid);
  const channels = noise.length / count;
  const video = new Float32Array(noise);
  const values: Float32Array[] = [video];
  const strengths: Float32Array[] = [new Float32Array(count)];
  const places = [coordinates(grid, positions)];
  const lastFrame = (grid.frames - 1) * positions.compression[0];
  for (const [index, one] of conditions.entries()) {
    const { tokens, frame, strength } = one;
    const n = tokensOf(one.grid);
    if (frame < 0 || frame + (one.grid.frames - 1) * positions.compression[0] > lastFrame)
      throw new InputError(`frame ${frame} is outside the video`, { hint: `its last one is ${lastFrame}` });
    if (frame === 0) {
      mix(video.subarray(0, n * channels), tokens, strength);
      strengths[0]!.fill(strength, 0, n);
    } else {
      values.push(mix(gaussian(tokens.length, `condition ${index}`), tokens, strength));
      strengths.push(new Float32Array(n).fill(strength));
      places.push(later(coordinates(one.grid, positions), frame / positions.fps));
    }
  }
  const strength = joined(strengths);
  const restless = positions.causal ? restlessness(strength, gaussian) : undefined;
  return {
    initial: joined(values),
    places: [0, 1, 2].map((axis) => joined(places.map((each) => each[axis]!))),
    denoise: (denoise) =>
      heldBack(restless ? (x, ...levels) => denoise(restless.stir(x, levels[0]), ...levels) : denoise, strength),
    own: (tokens) => (restless?.settle(tokens) ?? tokens).subarray(0, count * channels),
  };
}

/** Tokens keep still until the noise level has come down to theirs. */
function heldBack(denoise: TokenDenoiser, strength: Float32Array): Denoiser {
  return async (x, sigma) => {
    const levels = strength.map((share) => Math.min(sigma, 1 - share));
    const estimate = (await denoise(x, sigma, levels)).slice();
    const channels = x.length / strength.length;
    for (const [token, share] of strength.entries()) {
      if (sigma - 1e-6 < 1 - share) continue;
      const [start, end] = [token * channels, (token + 1) * channels];
      estimate.set(x.subarray(start, end), start); // no step then moves them
    }
    return estimate;
  };
}

/**
 * Models from 0.9.5 on see what stays as it is under a little fresh noise in every step, and as published the last of it
 * is left there: less than 3 % of deviation from a last step at 0.42.
 */
function restlessness(strength: Float32Array, gaussian: ConditionOptions["gaussian"]) {
  let last: { noise: Float32Array; share: number } | undefined;
  const settle = (x: Float32Array): Float32Array => {
    if (!last) return x;
    const { noise, share } = last;
    const channels = noise.length / strength.length;
    return x.map((value, i) => (strength[Math.floor(i / channels)] === 1 ? value + share * noise[i]! : value));
  };
  const stir = (x: Float32Array, sigma: number): Float32Array => {
    last = { noise: gaussian(x.length, `condition at ${sigma}`), share: restlessShare * sigma ** 2 };
    return settle(x);
  };
  return { stir, settle };
}

/** noise + share (value - noise), into `noise`. */
function mix(noise: Float32Array, value: Float32Array, share: number): Float32Array {
  for (let i = 0; i < noise.length; i++) noise[i] = noise[i]! + share * (value[i]! - noise[i]!);
  return noise;
}

const later = ([time, ...space]: readonly Float32Array[], seconds: number): Float32Array[] => [
  time!.map((t) => t + seconds),
  ...space,
];
