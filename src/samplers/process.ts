/**
 * The flow-matching process, shared by training and sampling: z_σ = (1 - σ) z + σ ε, and models predict the velocity
 * v = ε - z (Lipman et al. 2022; LTX-Video and HunyuanVideo use the same direction).
 */

/** z_σ of data and noise of one size. */
export function addNoise(data: Float32Array, noise: Float32Array, sigma: number): Float32Array {
  return data.map((z, i) => (1 - sigma) * z + sigma * noise[i]!);
}

/** What a model should predict. */
export const velocity = (data: Float32Array, noise: Float32Array): Float32Array => noise.map((e, i) => e - data[i]!);

/** The clean estimate z_σ - σ v. */
export const denoised = (noisy: Float32Array, v: Float32Array, sigma: number): Float32Array =>
  noisy.map((x, i) => x - sigma * v[i]!);

/** The timestep that LTX-Video models are told. */
export const timestepOf = (sigma: number): number => 1000 * sigma;
