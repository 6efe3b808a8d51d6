import { PublishedSettings } from "../../base/published-settings.ts";
import type { QkNorm } from "../../nn/attention.ts";

/** Settings of the LTX-Video transformer. */
export interface LtxConfig {
  readonly layers: number;
  readonly heads: number;
  readonly headWidth: number;
  /** Channels of a latent token, in and out. */
  readonly channels: number;
  readonly outChannels: number;
  /** Width of the text encoder's states. */
  readonly captionChannels: number;
  /** ε of the norms on queries and keys. */
  readonly qkEpsilon: number;
  /** ε of the norms before self-attention and feed-forward. */
  readonly epsilon: number;
  readonly ropeTheta: number;
  /** How queries and keys are normalised over the full width: `rms` where absent, as in all published models. */
  readonly qkNorm?: QkNorm;
  /**
   * Whether a latent frame stands at the last of its pixel frames (from 0.9.5 on) rather than the first. Original
   * files say so; where absent, it follows from the autoencoder.
   */
  readonly causalPositions?: boolean;
}

export const widthOf = ({ heads, headWidth }: LtxConfig): number => heads * headWidth;

/** LTX-Video 2B (0.9.0 to 0.9.6, 0.9.8). */
export const ltx2b = {
  layers: 28,
  heads: 32,
  headWidth: 64,
  channels: 128,
  outChannels: 128,
  captionChannels: 4096,
  qkEpsilon: 1e-5,
  epsilon: 1e-6,
  ropeTheta: 10000,
} satisfies LtxConfig;

/** LTX-Video 13B (0.9.7, 0.9.8). */
export const ltx13b = { ...ltx2b, layers: 48, headWidth: 128 } satisfies LtxConfig;

/** What all published transformers have in common. */
const fixed = {
  patch_size: 1,
  patch_size_t: 1,
  activation_fn: "gelu-approximate",
  norm_elementwise_affine: false,
  attention_bias: true,
  attention_out_bias: true,
};

/**
 * The diffusers `config.json` of LTXVideoTransformer3DModel, with that class's defaults for what is absent; and, where
 * `toDiffusers` wrote them, what that class has no field for.
 */
export function fromDiffusers(json: Readonly<Record<string, unknown>>): LtxConfig {
  const own = new PublishedSettings("the transformer's settings", json);
  own.fixed(fixed);
  const channels = own.count("in_channels", 128);
  const [heads, headWidth] = [own.count("num_attention_heads", 32), own.count("attention_head_dim", 64)];
  own.check(
    (heads * headWidth) % 2 === 0,
    `num_attention_heads times attention_head_dim must be even, got ${heads} times ${headWidth}`,
  );
  const qkNorm = own.named("qk_norm", qkNorms, "rms_norm_across_heads");
  const causal = "causal_temporal_positioning";
  return {
    layers: own.layers("num_layers", 28),
    heads,
    headWidth,
    channels,
    outChannels: own.count("out_channels", channels),
    captionChannels: own.count("caption_channels", 4096),
    qkEpsilon: 1e-5,
    epsilon: own.epsilon("norm_eps", 1e-6),
    ropeTheta: own.positive("rope_theta", 10000),
    ...(qkNorm === "rms" ? {} : { qkNorm }),
    ...(own.has(causal) ? { causalPositions: own.flag(causal, false) } : {}),
  };
}

/** Original files have all of these; diffusers' class knows none but the first. */
const qkNorms: Readonly<Record<string, QkNorm>> = {
  rms_norm_across_heads: "rms",
  rms_norm: "rms",
  layer_norm: "layer",
  none: "none",
};

/** Settings as original files carry them (class Transformer3DModel), with that class's defaults for what is absent. */
export function fromOriginal(json: Readonly<Record<string, unknown>>): LtxConfig {
  const own = new PublishedSettings("the transformer's embedded settings", json);
  own.fixed(
    {
      timestep_scale_multiplier: 1000,
      positional_embedding_max_pos: [20, 2048, 2048],
      standardization_norm: "rms_norm",
      adaptive_norm: "single_scale_shift",
    },
    "transformers of LTX-Video 0.9.0 to 0.9.8 are understood",
  );
  return fromDiffusers({
    ...json,
    qk_norm: json["qk_norm"] ?? "none",
    rope_theta: json["positional_embedding_theta"],
    causal_temporal_positioning: own.flag("causal_temporal_positioning", false),
  });
}

/** The diffusers `config.json` of these settings. */
export function toDiffusers(config: LtxConfig): Record<string, unknown> {
  return {
    _class_name: "LTXVideoTransformer3DModel",
    in_channels: config.channels,
    out_channels: config.outChannels,
    patch_size: 1,
    patch_size_t: 1,
    num_attention_heads: config.heads,
    attention_head_dim: config.headWidth,
    cross_attention_dim: widthOf(config),
    num_layers: config.layers,
    activation_fn: "gelu-approximate",
    qk_norm: { rms: "rms_norm_across_heads", layer: "layer_norm", none: "none" }[config.qkNorm ?? "rms"],
    norm_elementwise_affine: false,
    norm_eps: config.epsilon,
    caption_channels: config.captionChannels,
    attention_bias: true,
    attention_out_bias: true,
    ...(config.ropeTheta === 10000 ? {} : { rope_theta: config.ropeTheta }),
    ...(config.causalPositions === undefined ? {} : { causal_temporal_positioning: config.causalPositions }),
  };
}
