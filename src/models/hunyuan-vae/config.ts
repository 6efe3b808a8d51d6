/** Settings of the HunyuanVideo autoencoder: 8x8 pixels and 4 frames become one latent cell. */
import { UnsupportedError } from "../../base/errors.ts";

export interface HunyuanVaeConfig {
  readonly latentChannels: number;
  /** Channels of each stage, from pixels to latents, in the encoder and backwards in the decoder. */
  readonly channels: readonly number[];
  /** Resnets of an encoder stage; a decoder stage has one more. */
  readonly layers: number;
  readonly groups: number;
  /** Pixels per latent cell along time, and along height and width; powers of two. */
  readonly timeCompression: number;
  readonly spaceCompression: number;
  /** Whether the middle attends, each frame to those before it. */
  readonly attention: boolean;
  /** Models see latents times this. */
  readonly scale: number;
}

/** The published autoencoder. */
export const hunyuanVideoVae = {
  latentChannels: 16,
  channels: [128, 256, 512, 512],
  layers: 2,
  groups: 32,
  timeCompression: 4,
  spaceCompression: 8,
  attention: true,
  scale: 0.476986,
} satisfies HunyuanVaeConfig;

export const className = "AutoencoderKLHunyuanVideo";

type Stride = readonly [number, number, number];

/**
 * By how much each encoder stage shrinks (time, height, width) at its end: space in the first stages, time in the last
 * ones, nothing in time at the very end.
 */
export function encoderStrides({ channels, timeCompression, spaceCompression }: HunyuanVaeConfig): Stride[] {
  const [times, spaces] = [Math.log2(timeCompression), Math.log2(spaceCompression)];
  return channels.map((_, i) => {
    const space = i < spaces ? 2 : 1;
    return [isTimed(i, channels.length, times) ? 2 : 1, space, space];
  });
}

/** By how much each decoder stage grows: counted from the latents, yet by the same places in its own list. */
export const decoderStrides = encoderStrides;

const isTimed = (i: number, stages: number, halvings: number): boolean => i >= stages - 1 - halvings && i < stages - 1;

/** Pixels per latent cell along (time, height, width). */
export const compression = ({ timeCompression, spaceCompression }: HunyuanVaeConfig): [number, number, number] => [
  timeCompression,
  spaceCompression,
  spaceCompression,
];

/** The diffusers `config.json` of AutoencoderKLHunyuanVideo, with that class's defaults for what is absent. */
export function fromDiffusers(json: Record<string, unknown>): HunyuanVaeConfig {
  const given = <T>(name: string, fallback: T): T => (json[name] as T | null | undefined) ?? fallback;
  const timeCompression = given("temporal_compression_ratio", hunyuanVideoVae.timeCompression);
  if (timeCompression !== 4)
    throw new UnsupportedError(`an autoencoder of ${timeCompression} frames a cell is not there`, {
      hint: "temporal_compression_ratio must be 4, as published",
    });
  return {
    latentChannels: given("latent_channels", hunyuanVideoVae.latentChannels),
    channels: given<readonly number[]>("block_out_channels", hunyuanVideoVae.channels),
    layers: given("layers_per_block", hunyuanVideoVae.layers),
    groups: given("norm_num_groups", hunyuanVideoVae.groups),
    timeCompression,
    spaceCompression: given("spatial_compression_ratio", hunyuanVideoVae.spaceCompression),
    attention: given("mid_block_add_attention", hunyuanVideoVae.attention),
    scale: given("scaling_factor", hunyuanVideoVae.scale),
  };
}

/** The diffusers `config.json` of these settings. */
export function toDiffusers(config: HunyuanVaeConfig): Record<string, unknown> {
  return {
    _class_name: className,
    in_channels: 3,
    out_channels: 3,
    latent_channels: config.latentChannels,
    down_block_types: config.channels.map(() => "HunyuanVideoDownBlock3D"),
    up_block_types: config.channels.map(() => "HunyuanVideoUpBlock3D"),
    block_out_channels: config.channels,
    layers_per_block: config.layers,
    act_fn: "silu",
    norm_num_groups: config.groups,
    scaling_factor: config.scale,
    spatial_compression_ratio: config.spaceCompression,
    temporal_compression_ratio: config.timeCompression,
    mid_block_add_attention: config.attention,
  };
}
