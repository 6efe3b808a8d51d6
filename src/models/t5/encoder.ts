/** T5 v1.1 text encoder (Raffel et al. 2020; gated GELU, no biases, unscaled attention). */

import { PublishedSettings } from "../../base/published-settings.ts";
import { gelu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { GatedFeedForward } from "../../nn/feed-forward.ts";
import { Linear } from "../../nn/linear.ts";
import { RmsNorm } from "../../nn/norm.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { parameter, type Tensor } from "../../tensor/tensor.ts";

export interface T5Config {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** Channels of one head; heads times this need not be the width. */
  readonly headWidth: number;
  readonly inner: number;
  readonly vocabulary: number;
  readonly buckets: number;
  readonly maxDistance: number;
  readonly epsilon: number;
}

/** T5 v1.1 XXL, the text encoder of LTX-Video. */
export const t5xxl = {
  layers: 24,
  width: 4096,
  heads: 64,
  headWidth: 64,
  inner: 10240,
  vocabulary: 32128,
  buckets: 32,
  maxDistance: 128,
  epsilon: 1e-6,
} satisfies T5Config;

/** The transformers `config.json` of T5EncoderModel. */
export function fromTransformers(json: Readonly<Record<string, unknown>>): T5Config {
  const own = new PublishedSettings("the text encoder's settings", json);
  own.fixed({ feed_forward_proj: "gated-gelu" });
  const buckets = own.count("relative_attention_num_buckets", 32, 4);
  return {
    layers: own.layers("num_layers", 6),
    width: own.count("d_model", 512),
    heads: own.count("num_heads", 8),
    headWidth: own.count("d_kv", 64),
    inner: own.count("d_ff", 2048),
    vocabulary: own.count("vocab_size", 32128),
    buckets,
    // A quarter of the buckets are for one distance each; the others begin behind those.
    maxDistance: own.count("relative_attention_max_distance", 128, Math.floor(buckets / 4) + 1),
    epsilon: own.epsilon("layer_norm_epsilon", 1e-6),
  };
}

/** The transformers `config.json` of these settings. */
export function toTransformers(config: T5Config): Record<string, unknown> {
  return {
    architectures: ["T5EncoderModel"],
    model_type: "t5",
    num_layers: config.layers,
    d_model: config.width,
    num_heads: config.heads,
    d_kv: config.headWidth,
    d_ff: config.inner,
    vocab_size: config.vocabulary,
    relative_attention_num_buckets: config.buckets,
    relative_attention_max_distance: config.maxDistance,
    layer_norm_epsilon: config.epsilon,
    feed_forward_proj: "gated-gelu",
    is_encoder_decoder: false,
  };
}

class SelfAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly out: Linear;
  readonly heads: number;

  constructor({ width, heads, headWidth }: T5Config) {
    const bare = { bias: false };
    this.query = new Linear(width, heads * headWidth, bare);
    this.key = new Linear(width, heads * headWidth, bare);
    this.value = new Linear(width, heads * headWidth, bare);
    this.out = new Linear(heads * headWidth, width, bare);
    this.heads = heads;
  }

  forward(x: Tensor, bias: Tensor): Tensor {
    const [q, k, v] = [this.query, this.key, this.value].map((layer) => layer.forward(x)) as [Tensor, Tensor, Tensor];
    return this.out.forward(attention(q, k, v, { heads: this.heads, scale: 1, bias }));
  }
}

export class T5Block {
  readonly attentionNorm: RmsNorm;
  readonly attention: SelfAttention;
  readonly feedForwardNorm: RmsNorm;
  readonly feedForward: GatedFeedForward;

  constructor(config: T5Config) {
    this.attentionNorm = new RmsNorm(config.width, config.epsilon);
    this.attention = new SelfAttention(config);
    this.feedForwardNorm = new RmsNorm(config.width, config.epsilon);
    this.feedForward = new GatedFeedForward(config, gelu);
  }

  /** x [B, T, W], bias [B or 1, heads, T, T] to [B, T, W]. */
  forward(x: Tensor, bias: Tensor): Tensor {
    const h = x.add(this.attention.forward(this.attentionNorm.forward(x), bias));
    return h.add(this.feedForward.forward(this.feedForwardNorm.forward(h)));
  }
}

export interface T5Inputs {
  /** Token numbers [B, T]. */
  readonly ids: Tensor;
  /** `relativeBuckets(T)` [T, T]. */
  readonly buckets: Tensor;
  /** 1 for words, 0 for padding [B, T]; without it padding is attended to. */
  readonly mask?: Tensor;
}

export class T5Encoder {
  readonly embedding: Tensor;
  /** Only the first block stores it; all use it. */
  readonly relativeBias: Tensor;
  readonly blocks: T5Block[];
  readonly finalNorm: RmsNorm;
  readonly config: T5Config;

  constructor(config: T5Config) {
    this.config = config;
    this.embedding = parameter([config.vocabulary, config.width]);
    this.relativeBias = parameter([config.buckets, config.heads]);
    this.blocks = Array.from({ length: config.layers }, () => new T5Block(config));
    this.finalNorm = new RmsNorm(config.width, config.epsilon);
  }

  /** States [B, T, W]. */
  forward({ ids, buckets, mask }: T5Inputs): Tensor {
    let x = this.embedding.gather(ids);
    let bias = this.relativeBias.gather(buckets).permute(2, 0, 1).unsqueeze(0);
    if (mask) {
      const [batch, words] = mask.shape as [number, number];
      bias = bias.add(mask.sub(1).mul(1e9).reshape(batch, 1, 1, words));
    }
    for (const block of this.blocks) x = block.forward(x, bias);
    return this.finalNorm.forward(x);
  }
}

/**
 * The relative-position bucket of each (query, key) pair, [T, T] i32: half of the buckets for keys after the query;
 * within a half exact distances first, then logarithmically wider ones.
 */
export function relativeBuckets(
  length: number,
  { buckets, maxDistance }: Pick<T5Config, "buckets" | "maxDistance">,
): HostTensor {
  const side = Math.floor(buckets / 2);
  const exact = Math.floor(side / 2);
  const out = new Int32Array(length * length);
  for (let query = 0; query < length; query++)
    for (let key = 0; key < length; key++) {
      const distance = Math.abs(key - query);
      const wide = Math.floor((Math.log(distance / exact) / Math.log(maxDistance / exact)) * (side - exact) + 1e-6);
      const place = distance < exact ? distance : Math.min(side - 1, exact + wide);
      out[query * length + key] = place + (key > query ? side : 0);
    }
  return hostTensor(out, [length, length]);
}
