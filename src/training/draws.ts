/** What a step of flow matching draws: its sizes and its noise levels. */
import { Random } from "../base/philox.ts";
import type { LatentSet } from "./flow-task.ts";

interface Stage<Bucket> {
  readonly steps: number;
  readonly buckets: readonly Bucket[];
}

/** The sizes of a step (from 1): its stage's, one drawn by weight. */
export function bucketAt<Bucket extends { readonly weight: number }>(
  stages: readonly Stage<Bucket>[],
  step: number,
  seed: number,
): Bucket {
  let left = step;
  const stage = stages.find(({ steps }) => (left -= steps) <= 0);
  if (!stage) throw new RangeError(`step ${step} lies behind the recipe's end`);
  const random = new Random(seed, step * 2);
  let draw = random.uniform() * stage.buckets.reduce((sum, { weight }) => sum + weight, 0);
  return stage.buckets.find(({ weight }) => (draw -= weight) <= 0) ?? stage.buckets.at(-1)!;
}

/** A clip as a step sees it. */
export interface Seen {
  readonly clip: number;
  readonly sigma: number;
  readonly caption: string;
}

interface Drawing {
  readonly timesteps: Parameters<typeof drawSigma>[1];
  readonly captionDropout: number;
}

/** Clips of a set with noise levels and words, some of them with none. */
export function drawSeen(
  { count, caption }: Pick<LatentSet, "count" | "caption">,
  batch: number,
  random: Random,
  { timesteps, captionDropout }: Drawing,
): Seen[] {
  return Array.from({ length: batch }, () => {
    const clip = random.below(count);
    const sigma = drawSigma(random, timesteps);
    return { clip, sigma, caption: random.chance(captionDropout) ? "" : caption(clip, random) };
  });
}

/** Logit-normal, some of it uniform so that no level is left out, then shifted towards noise. */
export function drawSigma(random: Random, { uniform, shift }: { uniform: number; shift: number }): number {
  const flat = random.uniform();
  const centred = 1 / (1 + Math.exp(-random.normal()));
  const sigma = random.chance(uniform) ? flat : centred;
  return (shift * sigma) / (1 + (shift - 1) * sigma);
}
