/** Weights of latent cells by what objects cover: docs/decisions/object-weight.md. */
import { tokensOf } from "../models/ltx/rope.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import type { Seen } from "./draws.ts";
import type { LatentSet } from "./flow-task.ts";

/**
 * Weights of a clip's tokens, from how much of each objects cover. They grow as noise falls: where an object is has to be known
 * from what the network sees, or it would learn to see more of them than there are.
 * @param weight of a token that an object fills, without noise; 1 elsewhere and where all is noise
 */
export const tokenWeights = (covered: Float32Array, sigma: number, weight: number): Float32Array =>
  covered.map((share) => 1 + (weight - 1) * (1 - sigma) * share);

/** Where a loss expects `objectWeights`, [B, N, 1]; nothing where a recipe has no weight. */
export const objectWeightsInput = (weight: number | undefined, batch: number, set: LatentSet): Tensor | undefined =>
  weight === undefined ? undefined : input("weights", [batch, tokensOf(set.grid), 1]);

/** The feed of `objectWeightsInput`: 1 for clips of which nobody knows where objects are. */
export async function objectWeights(
  weight: number | undefined,
  set: LatentSet,
  seen: readonly Seen[],
): Promise<Record<string, HostTensor>> {
  if (weight === undefined) return {};
  const tokens = tokensOf(set.grid);
  const out = new Float32Array(seen.length * tokens).fill(1);
  for (const [i, { clip, sigma }] of seen.entries()) {
    const covered = await set.objects?.(clip);
    if (covered) out.set(tokenWeights(covered, sigma, weight), i * tokens);
  }
  return { weights: hostTensor(out, [seen.length, tokens, 1]) };
}
