import { PublishedSettings } from "../../base/published-settings.ts";

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
  const own = new PublishedSettings("the latent upsampler's settings", json);
  own.fixed({ dims: 3 }, "those of LTX-Video 0.9.7 and 0.9.8 are understood");
  const width = own.count("mid_channels", 512);
  own.check(width % 32 === 0, `mid_channels must be a multiple of 32, got ${width}`);
  const [space, time] = [own.flag("spatial_upsample", true), own.flag("temporal_upsample", false)];
  own.check(space || time, "one of spatial_upsample and temporal_upsample must be true");
  return {
    channels: own.count("in_channels", 128),
    width,
    blocks: own.layers("num_blocks_per_stage", 4),
    space,
    time,
  };
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
