/** The losses of Turbo2K's distillation (Sec. 3.1, Eq. 2 to 4). */
import { input, type Tensor } from "../tensor/tensor.ts";
import { type LossWeights, velocityLoss } from "./flow-loss.ts";

/** Mean over tokens of the cosine along channels, [B, N, C] with [B, N, C]: minus this is Eq. 2. */
export function similarity(a: Tensor, b: Tensor): Tensor {
  const length = (x: Tensor) => x.square().sum(-1).add(1e-12).rsqrt();
  return a.mul(b).sum(-1).mul(length(a)).mul(length(b)).mean();
}

/**
 * Features [B, N, C] without what all clips of the batch have in common at a place. That is most of what the cosine of
 * features as they are sees: those of another clip come to 0.87 where the right ones come to 0.92 (docs/study). Not of the
 * paper.
 */
export const centred = (features: Tensor): Tensor => features.sub(features.mean(0, true));

export type DiffusionForm = "velocity" | "epsilon";

/**
 * Eq. 3. `velocity` is the model's own target, mean (v - v̂)². `epsilon` is the paper's formula: the noise that a
 * velocity implies is ε̂ = z_σ + (1 - σ) v̂, so that (ε - ε̂)² = (1 - σ)² (v - v̂)²: the same loss with little weight on
 * high noise. Further weights are those of `velocityLoss`. It reads the input `cleanShare` = 1 - σ, [B, 1, 1].
 */
export function diffusionLoss(
  predicted: Tensor,
  target: Tensor,
  form: DiffusionForm,
  { channels, tokens }: LossWeights = {},
): Tensor {
  if (form === "velocity") return velocityLoss(predicted, target, { channels, tokens });
  const share = input("cleanShare", [predicted.shape[0]!, 1, 1]).square();
  return velocityLoss(predicted, target, { channels, tokens: tokens ? share.mul(tokens) : share });
}
