/** How much each latent channel shows in pixels. */
import { InputError } from "../../../base/errors.ts";
import type { LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { Decoder } from "../../../models/ltx-vae/decoder.ts";
import { denormalise, type Statistics } from "../../../pipelines/latents.ts";
import { hostTensor, sizeOf } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { buildProgram } from "../../../tensor/program.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";
import { channelWeights } from "../../../training/flow-loss.ts";

/** Along each axis. */
const cells = 3;
/** Normalised latents are moved by this. */
const push = 0.5;

/**
 * Mean square of the change of pixels [-1, 1] per unit of each normalised channel, moved in all of 3x3x3 cells that are else at their
 * means: a cell moved alone is noise to a decoder that learned to repair. Throws an InputError for decoders that ask for noise or its
 * level.
 */
export async function channelEffects(
  { config, weights, statistics }: { config: LtxVaeConfig; weights: Weights; statistics: Statistics },
  runtime: Runtime,
): Promise<Float32Array> {
  const { timestep, injectNoise } = config.decoder;
  if (timestep || injectNoise.some(Boolean))
    throw new InputError("effects of channels are measured on decoders without noise inputs only", {
      where: "channelPower",
      hint: "leave channelPower out with this autoencoder",
    });
  const channels = config.latentChannels;
  const shape = [1, channels, cells, cells, cells];
  const pixels = mount(new Decoder(config), "decoder").forward(input("latents", shape));
  const executable = await runtime.compile(buildProgram({ pixels }, { keep: runtime.keeps }), { weights });
  const decode = async (channel?: number): Promise<Float32Array> => {
    const latents = new Float32Array(sizeOf(shape));
    if (channel !== undefined) latents.fill(push, channel * cells ** 3, (channel + 1) * cells ** 3);
    const raw = denormalise(latents, statistics);
    return (await executable.run({ latents: hostTensor(raw, shape) }))["pixels"]!.data as Float32Array;
  };
  try {
    const still = await decode();
    const effects = new Float32Array(channels);
    for (const channel of effects.keys()) {
      const moved = await decode(channel);
      effects[channel] =
        moved.reduce((sum, value, i) => sum + (value - still[i]!) ** 2, 0) / (moved.length * push ** 2);
    }
    return effects;
  } finally {
    executable.dispose();
  }
}

/** Weights for `velocityLoss` by a recipe's `channelPower`; says how far apart they are. */
export const weightsOfChannels = async (
  source: Parameters<typeof channelEffects>[0],
  runtime: Runtime,
  power: number | undefined,
  note?: (text: string) => void,
): Promise<Float32Array | undefined> => {
  if (!power) return undefined;
  const weights = channelWeights(await channelEffects(source, runtime), power);
  const [least, most] = [Math.min(...weights), Math.max(...weights)];
  note?.(`errors of latent channels weigh ${least.toFixed(2)} to ${most.toFixed(2)}`);
  return weights;
};
