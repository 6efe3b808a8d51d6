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

/** The diffusers `config.json` of LTXVideoTransformer3DModel, with that class's defaults for what is absent. */
export function fromDiffusers(json: Record<string, unknown>): LtxConfig {
  const number = (name: string, fallback: number) => (json[name] as number | null | undefined) ?? fallback;
  const channels = number("in_channels", 128);
  return {
    layers: number("num_layers", 28),
    heads: number("num_attention_heads", 32),
    headWidth: number("attention_head_dim", 64),
    channels,
    outChannels: number("out_channels", channels),
    captionChannels: number("caption_channels", 4096),
    qkEpsilon: 1e-5,
    epsilon: number("norm_eps", 1e-6),
    ropeTheta: 10000,
  };
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
    qk_norm: "rms_norm_across_heads",
    norm_elementwise_affine: false,
    norm_eps: config.epsilon,
    caption_channels: config.captionChannels,
    attention_bias: true,
    attention_out_bias: true,
  };
}
