/** How much each latent channel shows in pixels. */
import { InputError } from "../../../base/errors.ts";
import type { LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { Decoder } from "../../../models/ltx-vae/decoder.ts";
import type { Codec } from "../../../pipelines/codec.ts";
import { denormalise, type Statistics } from "../../../pipelines/latents.ts";
import { hostTensor, sizeOf } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { buildProgram } from "../../../tensor/program.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import { input, type Tensor } from "../../../tensor/tensor.ts";
import { channelWeights } from "../../../training/flow-loss.ts";

/** Along each axis. */
const cells = 3;
/** Normalised latents are moved by this. */
const push = 0.5;

/** What a transformer's latents [1, C, f, h, w] become as pixels. */
interface Decoding {
  readonly channels: number;
  readonly weights: Weights;
  decode(latents: Tensor): Tensor;
  /** Latents as `decode` takes them. */
  scaled(latents: Float32Array): Float32Array;
}

/** An autoencoder of LTX-Video's kind. Throws an InputError where its decoder asks for noise or its level. */
export function decodingOf({
  config,
  weights,
  statistics,
}: {
  config: LtxVaeConfig;
  weights: Weights;
  statistics: Statistics;
}): Decoding {
  const { timestep, injectNoise } = config.decoder;
  if (timestep || injectNoise.some(Boolean))
    throw new InputError("effects of channels are measured on decoders without noise inputs only", {
      where: "channelPower",
      hint: "leave channelPower out with this autoencoder",
    });
  const decoder = mount(new Decoder(config), "decoder");
  return {
    channels: config.latentChannels,
    weights,
    decode: (latents) => decoder.forward(latents),
    scaled: (latents) => denormalise(latents, statistics),
  };
}

/** A teacher's autoencoder. */
export const codecDecoding = ({ channels, weights, decode }: Codec): Decoding => ({
  channels,
  weights,
  decode,
  scaled: (latents) => latents,
});

/**
 * Mean square of the change of pixels [-1, 1] per unit of each normalised channel, moved in all of 3x3x3 cells that are else at their
 * means: a cell moved alone is noise to a decoder that learned to repair.
 */
export async function channelEffects(
  { channels, weights, decode, scaled }: Decoding,
  runtime: Runtime,
): Promise<Float32Array> {
  const shape = [1, channels, cells, cells, cells];
  const pixels = decode(input("latents", shape));
  const executable = await runtime.compile(buildProgram({ pixels }, { keep: runtime.keeps }), { weights });
  const shown = async (channel?: number): Promise<Float32Array> => {
    const latents = new Float32Array(sizeOf(shape));
    if (channel !== undefined) latents.fill(push, channel * cells ** 3, (channel + 1) * cells ** 3);
    return (await executable.run({ latents: hostTensor(scaled(latents), shape) }))["pixels"]!.data as Float32Array;
  };
  try {
    const still = await shown();
    const effects = new Float32Array(channels);
    for (const channel of effects.keys()) {
      const moved = await shown(channel);
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
  decoding: () => Decoding,
  runtime: Runtime,
  power: number | undefined,
  note?: (text: string) => void,
): Promise<Float32Array | undefined> => {
  if (!power) return undefined;
  const weights = channelWeights(await channelEffects(decoding(), runtime), power);
  const [least, most] = [Math.min(...weights), Math.max(...weights)];
  note?.(`errors of latent channels weigh ${least.toFixed(2)} to ${most.toFixed(2)}`);
  return weights;
};
