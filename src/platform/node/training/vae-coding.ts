/** A stored or just trained autoencoder's encoder, to make latents with. */

import type { Picture } from "../../../data/clip-source.ts";
import type { LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { Encoder } from "../../../models/ltx-vae/encoder.ts";
import type { Statistics } from "../../../pipelines/latents.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { buildProgram } from "../../../tensor/program.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";

export interface ClipEncoder {
  /** Pixels [3, F, H, W] in [-1, 1] to the posterior's mean [C, f, h, w]. */
  encode(pixels: Float32Array): Promise<Float32Array>;
  dispose(): void;
}

export async function openClipEncoder(
  config: LtxVaeConfig,
  weights: Weights,
  runtime: Runtime,
  { width, height, frames }: Picture,
): Promise<ClipEncoder> {
  const shape = [1, 3, frames, height, width];
  const { mean } = mount(new Encoder(config), "encoder").forward(input("pixels", shape));
  const executable = await runtime.compile(buildProgram({ mean }, { keep: runtime.keeps }), { weights });
  return {
    encode: async (pixels) =>
      (await executable.run({ pixels: hostTensor(pixels, shape) }))["mean"]!.data as Float32Array,
    dispose: () => executable.dispose(),
  };
}

/** Mean and deviation of each channel over latents [C, ...]. */
export function measure(latents: readonly Float32Array[], channels: number): Statistics {
  const mean = new Float32Array(channels);
  const deviation = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    let [count, sum, squares] = [0, 0, 0];
    for (const one of latents) {
      const area = one.length / channels;
      for (const z of one.subarray(c * area, (c + 1) * area)) {
        count++;
        sum += z;
        squares += z * z;
      }
    }
    mean[c] = sum / count;
    deviation[c] = Math.max(1e-3, Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)));
  }
  return { mean, deviation };
}
