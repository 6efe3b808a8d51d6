import { PublishedSettings } from "../../base/published-settings.ts";
import { type SpatialPadding, spatialPaddings } from "../../nn/conv3d.ts";
import { checkStages } from "./check-stages.ts";

/**
 * Settings of the LTX-Video autoencoder, in the project's own terms. Channel lists run from pixels to latents for
 * encoder and decoder alike.
 */
export interface LtxVaeConfig {
  readonly latentChannels: number;
  /** Side of the pixel squares that become channels before the first conv. */
  readonly patch: number;
  /** ε of the layer norm on shortcuts between widths; 1e-6 where absent. */
  readonly shortcutEpsilon?: number;
  /** What lies around a frame for convolutions; zeros where absent. */
  readonly padding?: SpatialPadding;
  readonly encoder: {
    /** Channels of each stage, then (for `space-to-depth`) of the latent end. */
    readonly channels: readonly number[];
    /** Resnets of each stage, and of the middle. */
    readonly layers: readonly number[];
    /** How a stage ends: not at all, or halving along these axes. */
    readonly down: readonly Scaling[];
    /** `conv`: strided convolution (0.9.0, 0.9.1). `space-to-depth`: with an averaging shortcut (0.9.5 on). */
    readonly downsampler: "conv" | "space-to-depth";
    readonly causal: boolean;
  };
  readonly decoder: {
    readonly channels: readonly number[];
    readonly layers: readonly number[];
    readonly up: readonly boolean[];
    readonly injectNoise: readonly boolean[];
    /** Whether upsamplers add a rearranged copy of their input (0.9.1 on). */
    readonly residual: readonly boolean[];
    /** By how much an upsampler narrows: 1 (0.9.0) or 2. */
    readonly factor: readonly number[];
    readonly causal: boolean;
    /** Whether the decoder takes a noise level (0.9.1 on). */
    readonly timestep: boolean;
    /** What noise levels are multiplied by, a stored scalar; 1000 where absent. */
    readonly timestepScale?: number;
  };
}

/** Which axes a downsampler halves. */
export type Scaling = "none" | "space" | "time" | "both";

export const strideOf: Record<Scaling, readonly [number, number, number]> = {
  none: [1, 1, 1],
  space: [1, 2, 2],
  time: [2, 1, 1],
  both: [2, 2, 2],
};

/** Pixels per latent cell along (time, height, width). */
export function compression({ patch, encoder }: LtxVaeConfig): [number, number, number] {
  const total: [number, number, number] = [1, patch, patch];
  for (const scaling of encoder.down) for (const axis of [0, 1, 2] as const) total[axis] *= strideOf[scaling][axis];
  return total;
}

/** The diffusers `config.json` of AutoencoderKLLTXVideo, with that class's defaults for what is absent. */
export function fromDiffusers(json: Readonly<Record<string, unknown>>): LtxVaeConfig {
  const own = new PublishedSettings("the autoencoder's settings", json);
  own.fixed({ in_channels: 3, out_channels: 3, patch_size_t: 1 });
  const channels = own.counts("block_out_channels", [128, 256, 512, 512]);
  const scaling = own.flags("spatio_temporal_scaling", [true, true, true, false]);
  const is095 = own.has("down_block_types") && own.words("down_block_types", []).some((type) => type.includes("095"));
  const types = own.words("downsample_type", ["conv", "conv", "conv", "conv"]);
  const stages = is095 ? channels.length - 1 : channels.length;
  const decoderChannels = own.counts("decoder_block_out_channels", [128, 256, 512, 512]);
  const each = <T>(value: T): T[] => decoderChannels.map(() => value);
  const padding = own.word("spatial_padding_mode", spatialPaddings, "zeros");
  const config: LtxVaeConfig = {
    latentChannels: own.count("latent_channels", 128),
    patch: own.count("patch_size", 4),
    shortcutEpsilon: own.epsilon("resnet_norm_eps", 1e-6),
    ...(own.has("spatial_padding_mode") ? { padding } : {}),
    encoder: {
      channels,
      layers: own.stages("layers_per_block", [4, 3, 3, 3, 4]),
      down: Array.from({ length: stages }, (_, i) => {
        if (!scaling[i]) return "none";
        const type = is095 ? (types[i] ?? "nothing") : "conv";
        return (
          halvings[type] ??
          own.fail(`downsample_type[${i}] must be one of ${Object.keys(halvings).join(", ")}, got ${type}`)
        );
      }),
      downsampler: is095 ? "space-to-depth" : "conv",
      causal: own.flag("encoder_causal", true),
    },
    decoder: {
      channels: decoderChannels,
      layers: own.stages("decoder_layers_per_block", [4, 3, 3, 3, 4]),
      up: own.flags("decoder_spatio_temporal_scaling", [true, true, true, false]),
      injectNoise: own.flags("decoder_inject_noise", [false, false, false, false, false]),
      residual: own.flags("upsample_residual", each(false)),
      factor: own.counts("upsample_factor", each(1)),
      causal: own.flag("decoder_causal", false),
      timestep: own.flag("timestep_conditioning", false),
    },
  };
  checkStages(config, own);
  return config;
}

/** Ways to end an encoder's stage; `conv` is the strided one of 0.9.0. */
const halvings: Readonly<Record<string, Scaling>> = {
  spatial: "space",
  temporal: "time",
  spatiotemporal: "both",
  conv: "both",
};

/** The diffusers `config.json` of these settings. */
export function toDiffusers(config: LtxVaeConfig): Record<string, unknown> {
  const { encoder, decoder } = config;
  const is095 = encoder.downsampler === "space-to-depth";
  const named: Record<Scaling, string> = { none: "conv", space: "spatial", time: "temporal", both: "spatiotemporal" };
  const [t, h] = compression(config);
  return {
    _class_name: "AutoencoderKLLTXVideo",
    in_channels: 3,
    out_channels: 3,
    latent_channels: config.latentChannels,
    block_out_channels: encoder.channels,
    down_block_types: encoder.down.map(() => (is095 ? "LTXVideo095DownBlock3D" : "LTXVideoDownBlock3D")),
    decoder_block_out_channels: decoder.channels,
    layers_per_block: encoder.layers,
    decoder_layers_per_block: decoder.layers,
    spatio_temporal_scaling: encoder.down.map((scaling) => scaling !== "none"),
    decoder_spatio_temporal_scaling: decoder.up,
    decoder_inject_noise: decoder.injectNoise,
    downsample_type: encoder.down.map((scaling) => (is095 ? named[scaling] : "conv")),
    upsample_residual: decoder.residual,
    upsample_factor: decoder.factor,
    timestep_conditioning: decoder.timestep,
    patch_size: config.patch,
    patch_size_t: 1,
    resnet_norm_eps: config.shortcutEpsilon ?? 1e-6,
    scaling_factor: 1,
    encoder_causal: encoder.causal,
    decoder_causal: decoder.causal,
    spatial_compression_ratio: h,
    temporal_compression_ratio: t,
    ...(config.padding && config.padding !== "zeros" ? { spatial_padding_mode: config.padding } : {}),
  };
}
