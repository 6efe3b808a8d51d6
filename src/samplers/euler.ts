/** What a sampler knows of a model: the clean estimate of noisy latents. */
export type Denoiser = (x: Float32Array, sigma: number) => Promise<Float32Array>;

export interface Step {
  /** Number of the step, from 0. */
  readonly index: number;
  /** Noise level that it started from. */
  readonly sigma: number;
  /** Latents after it. */
  readonly x: Float32Array;
  /** The clean estimate that it moved towards. */
  readonly denoised: Float32Array;
}

/** Euler steps along the straight path from noise (σ = 1) to data (σ = 0). */
export async function* euler(denoise: Denoiser, noise: Float32Array, sigmas: readonly number[]): AsyncGenerator<Step> {
  let x = noise;
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const sigma = sigmas[index]!;
    const denoised = await denoise(x, sigma);
    const share = (sigmas[index + 1]! - sigma) / sigma;
    x = x.map((value, i) => value + (value - denoised[i]!) * share);
    yield { index, sigma, x, denoised };
  }
}
