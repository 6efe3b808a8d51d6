/** Noise levels from 1 to 0 for a number of steps. */
import { InputError } from "../base/errors.ts";

export interface DynamicShift {
  /** Shift at `baseTokens` and `maxTokens`; linear in between and, unclamped, beyond. */
  readonly baseShift: number;
  readonly maxShift: number;
  readonly baseTokens: number;
  readonly maxTokens: number;
  /** Last noise level before 0, to which the schedule is stretched; null leaves it where the shift puts it. */
  readonly terminal: number | null;
  /**
   * Keep the shift within [baseShift, maxShift]. Off, as published, it grows with the token count until f32 cannot
   * hold the schedule (NaN at 57,600 tokens): see `isFiniteAsPublished`.
   */
  readonly clamp: boolean;
}

/** Settings of LTX-Video 0.9.0 and 0.9.1, with the clamp that 2K needs. */
export const ltxShift: DynamicShift = {
  baseShift: 0.95,
  maxShift: 2.05,
  baseTokens: 1024,
  maxTokens: 4096,
  terminal: 0.1,
  clamp: true,
};

/** The shift μ for a number of latent tokens. */
export function shiftFor(tokens: number, { baseShift, maxShift, baseTokens, maxTokens, clamp }: DynamicShift): number {
  const shift = baseShift + ((tokens - baseTokens) * (maxShift - baseShift)) / (maxTokens - baseTokens);
  return clamp ? Math.min(maxShift, Math.max(baseShift, shift)) : shift;
}

/** Whether f32 holds what the published code divides by when it stretches a schedule: 1 - σ of the last step, shifted. */
export function isFiniteAsPublished(sigmas: readonly number[], shift: number): boolean {
  const power = Math.exp(shift);
  return sigmas.length === 1 || Math.fround(power / (power + 1 / sigmas.at(-1)! - 1)) < 1;
}

/**
 * Falling noise levels of a schedule without its last 0, shifted by e^μ and stretched to end at `terminal`, in the
 * closed form that stays exact where the published order of operations cancels:
 * σ' = 1 - (1 - t) · r/(E + r) · (E + q)/q, r = 1/σ - 1, q that of the last, E = e^μ.
 */
export function shiftSigmas(sigmas: readonly number[], shift: number, terminal: number | null): number[] {
  const power = Math.exp(shift);
  const ratios = sigmas.map((sigma) => (1 - sigma) / sigma);
  const last = ratios.at(-1)!;
  const stretch = terminal === null || last === 0 ? 1 : (1 - terminal) * ((power + last) / last);
  return ratios.map((ratio) => 1 - (ratio / (power + ratio)) * stretch);
}

/**
 * Even steps, shifted by the number of tokens.
 * @returns steps + 1 values, 1 first, 0 last
 */
export function dynamicShift(steps: number, tokens: number, settings: DynamicShift = ltxShift): number[] {
  return [...shiftSigmas(uniform(steps).slice(0, -1), shiftFor(tokens, settings), settings.terminal), 0];
}

/** Straight for half of the steps down to 1 - `threshold`, then quadratic to 0 (LTX-Video 0.9.5 and distilled). */
export function linearQuadratic(steps: number, threshold = 0.025): number[] {
  checkSteps(steps);
  if (steps === 1) return [1, 0];
  const linear = Math.floor(steps / 2);
  const quadratic = steps - linear;
  const slack = linear - threshold * steps;
  const a = slack / (linear * quadratic ** 2);
  const b = threshold / linear - (2 * slack) / quadratic ** 2;
  const c = a * linear ** 2;
  const sigmas = Array.from(
    { length: steps },
    (_, i) => 1 - (i < linear ? (threshold * i) / linear : a * i * i + b * i + c),
  );
  return [...sigmas, 0];
}

/** Even spacing, optionally shifted by a constant: s σ / (1 + (s - 1) σ). */
export function uniform(steps: number, shift = 1): number[] {
  checkSteps(steps);
  return Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps).map(
    (sigma) => (shift * sigma) / (1 + (shift - 1) * sigma),
  );
}

/**
 * Noise levels stretched about 1 so that the last before 0 is `terminal`, as the published shifted schedule is. A single step has no
 * level to move.
 */
export function endAt(sigmas: readonly number[], terminal: number): number[] {
  const last = sigmas.at(-2)!;
  if (sigmas.length < 3 || last === terminal) return [...sigmas];
  const scale = (1 - terminal) / (1 - last);
  return [...sigmas.slice(0, -2).map((sigma) => 1 - (1 - sigma) * scale), terminal, 0];
}

/** Noise levels as a user gave them: falling, from at most 1; a final 0 is added where it lacks. */
export function explicit(sigmas: readonly number[]): number[] {
  const falling = sigmas.every(
    (sigma, i) => Number.isFinite(sigma) && sigma >= 0 && sigma <= 1 && (i === 0 || sigma < sigmas[i - 1]!),
  );
  if (!sigmas.length || !falling || sigmas[0] === 0)
    throw new InputError(`sigmas must fall from at most 1 towards 0, got ${sigmas.join(", ") || "none"}`, {
      hint: "for example 1, 0.75, 0.5, 0.25",
    });
  return sigmas.at(-1) === 0 ? [...sigmas] : [...sigmas, 0];
}

function checkSteps(steps: number): void {
  if (!Number.isInteger(steps) || steps < 1) throw new InputError(`steps must be a whole number from 1, got ${steps}`);
}
