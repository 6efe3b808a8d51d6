import type { Denoiser, Step } from "./euler.ts";
import { addNoise } from "./process.ts";

/**
 * Steps that go to the clean estimate and back up to the next noise level with fresh noise (the few-step sampler of
 * distilled LTX-Video 0.9.6).
 * @param fresh standard normal noise for the step of a number
 */
export async function* stochastic(
  denoise: Denoiser,
  noise: Float32Array,
  sigmas: readonly number[],
  fresh: (index: number) => Float32Array,
): AsyncGenerator<Step> {
  let x = noise;
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const sigma = sigmas[index]!;
    const next = sigmas[index + 1]!;
    const denoised = await denoise(x, sigma);
    x = next === 0 ? denoised : addNoise(denoised, fresh(index), next);
    yield { index, sigma, x, denoised };
  }
}
