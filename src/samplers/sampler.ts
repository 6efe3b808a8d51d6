import type { Sampler } from "../schema/request.ts";
import { type Denoiser, euler, type Step } from "./euler.ts";
import { stochastic } from "./stochastic.ts";

/** The steps of a sampler; `fresh` is the noise for the step of a number, where the sampler takes any. */
export const sample = (
  sampler: Sampler,
  denoise: Denoiser,
  noise: Float32Array,
  sigmas: readonly number[],
  fresh: (index: number) => Float32Array,
): AsyncGenerator<Step> =>
  sampler === "stochastic" ? stochastic(denoise, noise, sigmas, fresh) : euler(denoise, noise, sigmas);
