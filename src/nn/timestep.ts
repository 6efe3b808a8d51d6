import { silu } from "../kernels/activations.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { FeedForward } from "./feed-forward.ts";

/** Channels of the sinusoid that timestep embedders take. */
export const sinusoidChannels = 256;

/**
 * The sinusoid of timesteps (1000 σ in most models): [cos(t w), sin(t w)] with w_k = 10000^(-k / 128), cosines
 * first, in f32 as published. Made on the host, because devices' sines differ for large arguments.
 * @returns [...shape, 256]
 */
export function timestepSinusoid(
  timesteps: ArrayLike<number>,
  shape: readonly number[] = [timesteps.length],
): HostTensor {
  const half = sinusoidChannels / 2;
  const out = new Float32Array(timesteps.length * sinusoidChannels);
  for (let row = 0; row < timesteps.length; row++)
    for (let k = 0; k < half; k++) {
      const frequency = Math.fround(Math.exp(Math.fround(Math.fround(Math.fround(-Math.log(10000)) * k) / half)));
      const angle = Math.fround(Math.fround(timesteps[row]!) * frequency);
      out[row * sinusoidChannels + k] = Math.cos(angle);
      out[row * sinusoidChannels + half + k] = Math.sin(angle);
    }
  return hostTensor(out, [...shape, sinusoidChannels]);
}

/** Linear, SiLU, Linear on a sinusoid [..., 256] to [..., width]. */
export class TimestepEmbedder extends FeedForward {
  constructor(width: number) {
    super(sinusoidChannels, width, width, silu);
  }
}
