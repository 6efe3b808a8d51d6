/** Guided sampling of many prompts at a time, from noise that all arms share. */
import { gaussian } from "../base/philox.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { euler } from "../samplers/euler.ts";
import { guide } from "../samplers/guidance.ts";
import { denoised } from "../samplers/process.ts";
import { uniform } from "../samplers/schedules.ts";
import type { StudyPreset } from "./preset.ts";

/** Prompts a run of the transformer, each with and without its words. */
const together = 20;

export interface SampleRequest {
  readonly captions: readonly string[];
  /** Of each prompt's noise. */
  readonly seeds: readonly number[];
  readonly grid: Grid;
  readonly sampler: StudyPreset["sampler"];
}

/** Velocities [2 P, ...] of the unguided half, then of the guided one, of P latents. */
export type PairVelocity = (doubled: Float32Array, sigma: number) => Promise<Float32Array>;

/** Latents at the end of guided Euler steps from noise. */
export async function guidedEuler(
  velocity: PairVelocity,
  noise: Float32Array,
  { steps, shift, scale }: StudyPreset["sampler"],
) {
  let x = noise;
  const clean = async (noisy: Float32Array, sigma: number) => {
    const doubled = new Float32Array(2 * noisy.length);
    doubled.set(noisy);
    doubled.set(noisy, noisy.length);
    const v = await velocity(doubled, sigma);
    return denoised(noisy, guide(v.subarray(noisy.length), v.subarray(0, noisy.length), scale), sigma);
  };
  for await (const step of euler(clean, noise, uniform(steps, shift))) x = step.x;
  return x;
}

/** The same noise for a prompt and sample in all arms and training seeds; each model size has its own. */
export function noiseOf(seeds: readonly number[], size: number, whose: string): Float32Array {
  const out = new Float32Array(seeds.length * size);
  for (const [i, seed] of seeds.entries()) out.set(gaussian(size, seed, whose), i * size);
  return out;
}

/** Runs `make` on as many prompts as go together; answers the items one by one. */
export async function inTurns(
  { captions, seeds }: Pick<SampleRequest, "captions" | "seeds">,
  make: (captions: readonly string[], seeds: readonly number[], first: number) => Promise<Float32Array>,
): Promise<Float32Array[]> {
  const out: Float32Array[] = [];
  for (let first = 0; first < captions.length; first += together) {
    const part = captions.slice(first, first + together);
    const all = await make(part, seeds.slice(first, first + together), first);
    const size = all.length / part.length;
    for (const i of part.keys()) out.push(all.slice(i * size, (i + 1) * size));
  }
  return out;
}
