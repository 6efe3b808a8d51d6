/** How predictions with and without the prompt, and with attention left out, become one. */

export interface Guidance {
  /** Classifier-free guidance (Ho and Salimans 2022); 1 is off. */
  readonly scale: number;
  /** Spatio-temporal guidance (Hyung et al. 2024, arXiv 2411.18664) away from a perturbed prediction; 0 is off. */
  readonly stg?: number | undefined;
  /** Blocks whose self-attention the perturbed prediction goes without. */
  readonly blocks?: readonly number[] | undefined;
  /** Share of the result that is brought back to the conditional prediction's spread. */
  readonly rescale?: number | undefined;
  /** Scale the unconditional prediction onto the conditional one first (Fan et al. 2025, arXiv 2503.18886). */
  readonly star?: boolean | undefined;
}

/** Guidance for noise levels from `from` on. */
export interface GuidanceStage extends Guidance {
  readonly from: number;
}

/** The first stage that begins at or below a noise level; below all of them the last. */
export const guidanceAt = (stages: readonly GuidanceStage[], sigma: number): GuidanceStage =>
  stages.find(({ from }) => from <= sigma) ?? stages.at(-1)!;

export const isGuided = ({ scale }: Guidance): boolean => scale !== 1;
export const isPerturbed = ({ stg = 0, blocks = [] }: Guidance): boolean => stg !== 0 && blocks.length > 0;

/** Predictions of one step, all velocities or all clean estimates less the latents. */
export interface Predictions {
  readonly conditional: Float32Array;
  /** Without the prompt, or with the negative one; where `isGuided`. */
  readonly unconditional?: Float32Array | undefined;
  /** With the prompt and the perturbed blocks; where `isPerturbed`. */
  readonly perturbed?: Float32Array | undefined;
}

/** v = v_u + g (v_c - v_u) + s (v_c - v_p), then rescaled. */
export function combine(
  { conditional, unconditional, perturbed }: Predictions,
  { scale, stg = 0, rescale: share = 0, star = false }: Guidance,
): Float32Array {
  let v = conditional;
  if (unconditional) {
    const away = star ? project(unconditional, conditional) : unconditional;
    v = guide(conditional, away, scale);
  }
  if (perturbed) v = v.map((value, i) => value + stg * (conditional[i]! - perturbed[i]!));
  return share === 0 ? v : rescale(v, conditional, share);
}

/** v_u + g (v_c - v_u). */
export function guide(conditional: Float32Array, unconditional: Float32Array, scale: number): Float32Array {
  return conditional.map((c, i) => unconditional[i]! + scale * (c - unconditional[i]!));
}

/** Blends in a copy with the conditional prediction's spread (Lin et al. 2023, "common diffusion noise schedules are flawed"). */
export function rescale(guided: Float32Array, conditional: Float32Array, share: number): Float32Array {
  const spread = deviation(guided);
  if (spread === 0) return guided;
  const factor = share * (deviation(conditional) / spread) + (1 - share);
  return guided.map((v) => v * factor);
}

/** `from` times ⟨from, onto⟩ / ‖from‖². */
function project(from: Float32Array, onto: Float32Array): Float32Array {
  let [product, square] = [0, 0];
  for (const [i, value] of from.entries()) {
    product += value * onto[i]!;
    square += value * value;
  }
  const factor = product / (square + 1e-8);
  return from.map((value) => value * factor);
}

/** Unbiased standard deviation. */
function deviation(x: Float32Array): number {
  let mean = 0;
  for (const value of x) mean += value / x.length;
  let sum = 0;
  for (const value of x) sum += (value - mean) ** 2;
  return Math.sqrt(sum / (x.length - 1));
}
