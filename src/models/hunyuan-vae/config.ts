/** Settings of the HunyuanVideo autoencoder: 8x8 pixels and 4 frames become one latent cell. */
import { PublishedSettings } from "../../base/published-settings.ts";

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
  const own = new PublishedSettings("the autoencoder's settings", json);
  own.fixed({ temporal_compression_ratio: 4 });
  const channels = own.counts("block_out_channels", hunyuanVideoVae.channels);
  own.check(channels.length >= 3, `block_out_channels must have three stages or more, got ${channels.length}`);
  const groups = own.count("norm_num_groups", hunyuanVideoVae.groups);
  own.check(
    channels.every((n) => n % groups === 0),
    `block_out_channels must be multiples of norm_num_groups ${groups}, got ${channels.join(", ")}`,
  );
  const spaceCompression = own.count("spatial_compression_ratio", hunyuanVideoVae.spaceCompression);
  const halvings = Math.log2(spaceCompression);
  own.check(
    Number.isInteger(halvings) && halvings <= channels.length,
    `spatial_compression_ratio must be a power of 2 up to ${2 ** channels.length}, got ${spaceCompression}`,
  );
  return {
    latentChannels: own.count("latent_channels", hunyuanVideoVae.latentChannels),
    channels,
    layers: own.layers("layers_per_block", hunyuanVideoVae.layers),
    groups,
    timeCompression: hunyuanVideoVae.timeCompression,
    spaceCompression,
    attention: own.flag("mid_block_add_attention", hunyuanVideoVae.attention),
    scale: own.positive("scaling_factor", hunyuanVideoVae.scale),
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
