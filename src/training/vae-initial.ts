/** Starting weights of the autoencoder. */
import { gaussian } from "../base/philox.ts";
import type { LtxVae } from "../models/ltx-vae/vae.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import { initialWeights } from "./initial.ts";

/**
 * The net begins as averages on the way down and nearest neighbours on the way up, so that colours of whole cells are
 * learned within the first hundred steps; from random convolutions it stays at the mean picture for thousands
 * (docs/decisions/vae-training.md). Therefore:
 * - resnets and the last conv begin at zero;
 * - convs that carry the signal begin with their centre tap alone, those of upsamplers equal for all cells that one
 *   cell becomes (ICNR: Aitken et al. 2017, arXiv 1707.02937);
 * - biases before norms begin at random: a pixel norm divides brightness away unless something constant stands beside it;
 * - latents begin with little noise, else the decoder learns to ignore them.
 */
export function initialVaeWeights(model: LtxVae, seed: number): Map<string, HostTensor> {
  const weights = initialWeights(model, seed, {
    gain: (name) => (/conv2\.weight$|decoder\.convOut\.weight$/.test(name) ? 0 : 1),
    bias: (name) => (/convIn\.bias$/.test(name) ? 0.5 : 0),
  });
  for (const [name, { shape }] of parametersOf(model)) {
    if (/decoder\..*\.up\.conv\.weight$/.test(name)) weights.set(name, centreTap(name, shape, seed, { cells: 8 }));
    else if (/\.down\.conv\.weight$/.test(name)) weights.set(name, centreTap(name, shape, seed, { gain: 0.3 }));
    else if (/convIn\.weight$|encoder\.convOut\.weight$/.test(name)) weights.set(name, centreTap(name, shape, seed));
  }
  const bias = new Float32Array(model.encoder.config.latentChannels + 1);
  bias[bias.length - 1] = -5;
  return weights.set("encoder.convOut.bias", hostTensor(bias, [bias.length]));
}

/** [O, I, T, H, W] with values at the middle of the kernel only, the same for every `cells` output channels. */
function centreTap(
  name: string,
  shape: readonly number[],
  seed: number,
  { cells = 1, gain = 1 }: { cells?: number; gain?: number } = {},
): HostTensor {
  const [outer, inner, ...kernel] = shape as [number, number, number, number, number];
  const taps = kernel.reduce((a, b) => a * b);
  // A causal conv sees two frames before the present one, and none after it.
  const centre = name.startsWith("encoder.") ? taps - 1 - ((kernel[1] * kernel[2]) >> 1) : taps >> 1;
  const values = gaussian((outer / cells) * inner, seed, name);
  const out = new Float32Array(outer * inner * taps);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++)
      out[(o * inner + i) * taps + centre] = values[Math.floor(o / cells) * inner + i]! * gain * inner ** -0.5;
  return hostTensor(out, shape);
}
