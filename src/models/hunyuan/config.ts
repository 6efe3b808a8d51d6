/** Settings of the HunyuanVideo transformer (Kong et al. 2024, arXiv 2412.03603). */
import { PublishedSettings } from "../../base/published-settings.ts";

export interface HunyuanConfig {
  /** Blocks in which image and text have weights of their own, and blocks in which they share them. */
  readonly doubleBlocks: number;
  readonly singleBlocks: number;
  readonly refinerBlocks: number;
  readonly heads: number;
  readonly headWidth: number;
  /** Latent channels, in and out. */
  readonly channels: number;
  readonly outChannels: number;
  /** Latent cells that make a token, along time, height and width. */
  readonly patch: readonly [number, number, number];
  /** Inner width of the feed-forwards over the model's. */
  readonly mlpRatio: number;
  /** Width of the text states, and of the one vector for the whole prompt. */
  readonly textWidth: number;
  readonly pooledWidth: number;
  /** Whether the model is told a guidance scale (guidance-distilled weights). */
  readonly guidance: boolean;
  readonly ropeTheta: number;
  /** Channels of a head that time, height and width turn; together the head's. */
  readonly ropeAxes: readonly [number, number, number];
}

export const widthOf = ({ heads, headWidth }: HunyuanConfig): number => heads * headWidth;

/** HunyuanVideo, the published text-to-video model: 12.8 billion weights. */
export const hunyuanVideo = {
  doubleBlocks: 20,
  singleBlocks: 40,
  refinerBlocks: 2,
  heads: 24,
  headWidth: 128,
  channels: 16,
  outChannels: 16,
  patch: [1, 2, 2],
  mlpRatio: 4,
  textWidth: 4096,
  pooledWidth: 768,
  guidance: true,
  ropeTheta: 256,
  ropeAxes: [16, 56, 56],
} satisfies HunyuanConfig;

/** Class name in the diffusers layout. */
export const className = "HunyuanVideoTransformer3DModel";

/** The diffusers `config.json` of HunyuanVideoTransformer3DModel, with that class's defaults for what is absent. */
export function fromDiffusers(json: Record<string, unknown>): HunyuanConfig {
  const own = new PublishedSettings("the transformer's settings", json);
  own.fixed(
    { image_condition_type: null, qk_norm: "rms_norm" },
    "only the text-to-video form of HunyuanVideo is understood",
  );
  const channels = own.count("in_channels", hunyuanVideo.channels);
  const [heads, headWidth] = [
    own.count("num_attention_heads", hunyuanVideo.heads),
    own.count("attention_head_dim", hunyuanVideo.headWidth),
  ];
  const mlpRatio = own.positive("mlp_ratio", hunyuanVideo.mlpRatio);
  const inner = heads * headWidth * mlpRatio;
  own.check(Number.isSafeInteger(inner), `mlp_ratio ${mlpRatio} gives feed-forwards of ${inner} channels`);
  const [time, space] = [
    own.count("patch_size_t", hunyuanVideo.patch[0]),
    own.count("patch_size", hunyuanVideo.patch[1]),
  ];
  const ropeAxes = own.counts("rope_axes_dim", hunyuanVideo.ropeAxes);
  own.check(
    isThree(ropeAxes) && ropeAxes.every((n) => n % 2 === 0) && ropeAxes[0] + ropeAxes[1] + ropeAxes[2] === headWidth,
    `rope_axes_dim must be three even numbers that add up to attention_head_dim ${headWidth}, got ${ropeAxes.join(", ")}`,
  );
  return {
    doubleBlocks: own.layers("num_layers", hunyuanVideo.doubleBlocks),
    singleBlocks: own.layers("num_single_layers", hunyuanVideo.singleBlocks),
    refinerBlocks: own.layers("num_refiner_layers", hunyuanVideo.refinerBlocks),
    heads,
    headWidth,
    channels,
    outChannels: own.count("out_channels", channels),
    patch: [time, space, space],
    mlpRatio,
    textWidth: own.count("text_embed_dim", hunyuanVideo.textWidth),
    pooledWidth: own.count("pooled_projection_dim", hunyuanVideo.pooledWidth),
    guidance: own.flag("guidance_embeds", hunyuanVideo.guidance),
    ropeTheta: own.positive("rope_theta", hunyuanVideo.ropeTheta),
    ropeAxes: ropeAxes as HunyuanConfig["ropeAxes"],
  };
}

const isThree = (list: readonly number[]): list is HunyuanConfig["ropeAxes"] => list.length === 3;

/** The diffusers `config.json` of these settings. */
export function toDiffusers(config: HunyuanConfig): Record<string, unknown> {
  return {
    _class_name: className,
    in_channels: config.channels,
    out_channels: config.outChannels,
    num_attention_heads: config.heads,
    attention_head_dim: config.headWidth,
    num_layers: config.doubleBlocks,
    num_single_layers: config.singleBlocks,
    num_refiner_layers: config.refinerBlocks,
    mlp_ratio: config.mlpRatio,
    patch_size: config.patch[1],
    patch_size_t: config.patch[0],
    qk_norm: "rms_norm",
    guidance_embeds: config.guidance,
    text_embed_dim: config.textWidth,
    pooled_projection_dim: config.pooledWidth,
    rope_theta: config.ropeTheta,
    rope_axes_dim: config.ropeAxes,
  };
}
