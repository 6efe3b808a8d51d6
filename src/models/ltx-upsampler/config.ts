import { CheckpointError } from "../../base/errors.ts";

/** Settings of LTX-Video's latent upsampler (0.9.7, 0.9.8). */
export interface UpsamplerConfig {
  readonly channels: number;
  /** Channels of the blocks, a multiple of 32. */
  readonly width: number;
  /** Residual blocks before and after the doubling. */
  readonly blocks: number;
  /** Whether height and width, and frames, are doubled. */
  readonly space: boolean;
  readonly time: boolean;
}

/** Published with 0.9.7 and 0.9.8: twice the height and width. */
export const ltxUpsampler = {
  channels: 128,
  width: 512,
  blocks: 4,
  space: true,
  time: false,
} satisfies UpsamplerConfig;

/** The diffusers `config.json` of LTXLatentUpsamplerModel; original files carry the same settings in their metadata. */
export function fromDiffusers(json: Readonly<Record<string, unknown>>): UpsamplerConfig {
  const number = (name: string, fallback: number) => (json[name] as number | undefined) ?? fallback;
  const config = {
    channels: number("in_channels", 128),
    width: number("mid_channels", 512),
    blocks: number("num_blocks_per_stage", 4),
    space: json["spatial_upsample"] !== false,
    time: json["temporal_upsample"] === true,
  };
  if (number("dims", 3) !== 3 || config.width % 32 !== 0 || !(config.space || config.time))
    throw new CheckpointError(`no such latent upsampler is known: ${JSON.stringify(json)}`, {
      hint: "those of LTX-Video 0.9.7 and 0.9.8 are understood",
    });
  return config;
}

/** The diffusers `config.json` of these settings. */
export const toDiffusers = ({ channels, width, blocks, space, time }: UpsamplerConfig): Record<string, unknown> => ({
  _class_name: "LTXLatentUpsamplerModel",
  in_channels: channels,
  mid_channels: width,
  num_blocks_per_stage: blocks,
  dims: 3,
  spatial_upsample: space,
  temporal_upsample: time,
});
