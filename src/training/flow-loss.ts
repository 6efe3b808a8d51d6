import { hostTensor } from "../tensor/dtype.ts";
import { constant, type Tensor } from "../tensor/tensor.ts";

/** Mean squared error of velocities [B, N, C]; `weights` [C] have the mean 1 and do not move the optimum, only what is learned first. */
export function velocityLoss(predicted: Tensor, target: Tensor, weights?: Float32Array): Tensor {
  const error = predicted.sub(target).square();
  return (weights ? error.mul(constant(hostTensor(weights, [1, 1, weights.length]))) : error).mean();
}

/**
 * Weights of latent channels for `velocityLoss`: a power of what each does to pixels, scaled to the mean 1. Power 0 weighs all alike,
 * 1 counts errors as pixels would; docs/decisions/latent-scale.md has figures.
 * @param effects mean square of what a channel's unit does to pixels
 */
export function channelWeights(effects: Float32Array, power: number): Float32Array {
  const raised = effects.map((effect) => effect ** power);
  const mean = raised.reduce((sum, value) => sum + value, 0) / raised.length;
  return raised.map((value) => value / mean);
}
