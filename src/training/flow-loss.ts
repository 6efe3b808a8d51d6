import { hostTensor } from "../tensor/dtype.ts";
import { constant, type Tensor } from "../tensor/tensor.ts";

export interface LossWeights {
  /** Of channels [C], with the mean 1. */
  readonly channels?: Float32Array | undefined;
  /** Of tokens, [B, N, 1]. */
  readonly tokens?: Tensor | undefined;
}

/**
 * Mean squared error of velocities [B, N, C]. Weights of channels do not move the optimum, only what is learned first; what those
 * of tokens do stands at `tokenWeights` (object-weights.ts).
 */
export function velocityLoss(predicted: Tensor, target: Tensor, { channels, tokens }: LossWeights = {}): Tensor {
  let error = predicted.sub(target).square();
  if (channels) error = error.mul(constant(hostTensor(channels, [1, 1, channels.length])));
  return (tokens ? error.mul(tokens) : error).mean();
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
