/** The HunyuanVideo transformer (Kong et al. 2024, arXiv 2412.03603; layer facts in docs/how-it-works.md). */
import { silu } from "../../kernels/activations.ts";
import { linear } from "../../kernels/linear.ts";
import { layerNorm } from "../../kernels/norms.ts";
import type { Rope } from "../../kernels/rope.ts";
import { FeedForward } from "../../nn/feed-forward.ts";
import { Linear } from "../../nn/linear.ts";
import { modulate } from "../../nn/norm.ts";
import { TimestepEmbedder } from "../../nn/timestep.ts";
import { sizeOf } from "../../tensor/dtype.ts";
import { concat, fill, parameter, type Tensor } from "../../tensor/tensor.ts";
import { type Context, DoubleBlock, SingleBlock } from "./blocks.ts";
import { type HunyuanConfig, widthOf } from "./config.ts";
import { epsilon, Modulation } from "./layers.ts";
import { TextRefiner } from "./refiner.ts";

/** A convolution whose kernel is its stride: each patch of latent cells becomes a token. */
class PatchEmbedding {
  /** [W, C, pt, ph, pw] */
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor({ channels, patch }: HunyuanConfig, width: number) {
    this.weight = parameter([width, channels, ...patch]);
    this.bias = parameter([width]);
  }

  /** [B, C, f, h, w] to [B, N, W]. */
  forward(latents: Tensor): Tensor {
    const [batch, channels, frames, height, width] = latents.shape as [number, number, number, number, number];
    const [t, h, w] = this.weight.shape.slice(2) as [number, number, number];
    const patches = latents
      .reshape(batch, channels, frames / t, t, height / h, h, width / w, w)
      .permute(0, 2, 4, 6, 1, 3, 5, 7)
      .reshape(batch, -1, channels * t * h * w);
    return linear(patches, this.weight.reshape(this.weight.shape[0]!, -1), this.bias);
  }
}

/** Noise level, prompt and guidance scale in one vector. */
class Conditioning {
  readonly time: TimestepEmbedder;
  readonly pooled: FeedForward;
  readonly guidance: TimestepEmbedder | undefined;

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    this.time = new TimestepEmbedder(width);
    this.pooled = new FeedForward(config.pooledWidth, width, width, silu);
    this.guidance = config.guidance ? new TimestepEmbedder(width) : undefined;
  }

  forward({ sinusoid, pooled, guidance }: Pick<HunyuanInputs, "sinusoid" | "pooled" | "guidance">): Tensor {
    const condition = this.time.forward(sinusoid).add(this.pooled.forward(pooled));
    return this.guidance && guidance ? condition.add(this.guidance.forward(guidance)) : condition;
  }
}

/** Moved norm and projection back to patches. */
class Head {
  readonly modulation: Modulation;
  readonly project: Linear;

  constructor({ outChannels, patch }: HunyuanConfig, width: number) {
    this.modulation = new Modulation(width, 2);
    this.project = new Linear(width, outChannels * sizeOf(patch));
  }

  forward(x: Tensor, condition: Tensor): Tensor {
    const [scale, shift] = this.modulation.forward(condition) as [Tensor, Tensor];
    return this.project.forward(modulate(layerNorm(x, { epsilon }), shift, scale));
  }
}

export interface HunyuanInputs {
  /** Noisy scaled latents [B, C, f, h, w]. */
  readonly latents: Tensor;
  /** States of the language model [B, T, textWidth], words before padding. */
  readonly text: Tensor;
  /** 1 for words, 0 for padding [B, T]. */
  readonly textMask?: Tensor | undefined;
  /** One vector for the whole prompt [B, pooledWidth]. */
  readonly pooled: Tensor;
  /** `timestepSinusoid(1000 σ)` [B, 256]. */
  readonly sinusoid: Tensor;
  /** `timestepSinusoid(1000 × guidance scale)` [B, 256], for models that are told it. */
  readonly guidance?: Tensor | undefined;
  /** `ropeTables` of the token grid. */
  readonly rope: Rope;
}

export interface HunyuanOptions {
  /** Sees the image tokens [B, N, W] after each block (double blocks first) and may put others in their place. */
  readonly afterBlock?: (image: Tensor, index: number) => Tensor;
  /** Wraps the tracing of each block, for example in `recompute`. */
  readonly around?: <T>(block: () => T) => T;
}

export class HunyuanTransformer {
  readonly patchEmbedding: PatchEmbedding;
  readonly textRefiner: TextRefiner;
  readonly conditioning: Conditioning;
  readonly doubleBlocks: DoubleBlock[];
  readonly singleBlocks: SingleBlock[];
  readonly head: Head;
  readonly config: HunyuanConfig;

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    this.config = config;
    this.patchEmbedding = new PatchEmbedding(config, width);
    this.textRefiner = new TextRefiner(config);
    this.conditioning = new Conditioning(config);
    this.doubleBlocks = Array.from({ length: config.doubleBlocks }, () => new DoubleBlock(config));
    this.singleBlocks = Array.from({ length: config.singleBlocks }, () => new SingleBlock(config));
    this.head = new Head(config, width);
  }

  /** The velocity noise - data [B, C, f, h, w]. */
  forward(inputs: HunyuanInputs, options: HunyuanOptions = {}): Tensor {
    const condition = this.conditioning.forward(inputs);
    return this.#unpatch(this.head.forward(this.#blocks(inputs, condition, options), condition), inputs.latents);
  }

  /** The image tokens [B, N, W] after block `index`; what lies behind it is not computed. */
  features(inputs: HunyuanInputs, index: number, options: HunyuanOptions = {}): Tensor {
    const condition = this.conditioning.forward(inputs);
    return this.#blocks(inputs, condition, options, index + 1);
  }

  #blocks(
    { latents, text, textMask, sinusoid, rope }: HunyuanInputs,
    condition: Tensor,
    { afterBlock = (image) => image, around = (block) => block() }: HunyuanOptions,
    count = this.doubleBlocks.length + this.singleBlocks.length,
  ): Tensor {
    let image = this.patchEmbedding.forward(latents);
    let words = this.textRefiner.forward(text, textMask, sinusoid);
    const [tokens, length] = [image.shape[1]!, words.shape[1]!];
    const context: Context = { condition, rope, bias: textMask && paddingBias(textMask, tokens) };
    for (const [index, block] of this.doubleBlocks.slice(0, count).entries()) {
      const [seen, said] = around(() => block.forward(image, words, context));
      [image, words] = [afterBlock(seen, index), said];
    }
    const joined: Context = { ...context, rope: standingStill(rope, length) };
    const doubles = this.doubleBlocks.length;
    let x = concat([image, words], 1);
    for (const [index, block] of this.singleBlocks.slice(0, Math.max(0, count - doubles)).entries()) {
      x = around(() => block.forward(x, joined));
      const own = x.slice(1, 0, tokens);
      const seen = afterBlock(own, doubles + index);
      if (seen !== own) x = concat([seen, x.slice(1, tokens)], 1);
    }
    return x.slice(1, 0, tokens);
  }

  /** Tokens [B, N, C·pt·ph·pw] to the shape of the latents. */
  #unpatch(x: Tensor, latents: Tensor): Tensor {
    const { patch, outChannels } = this.config;
    const [batch, , ...places] = latents.shape as [number, number, number, number, number];
    const [frames, height, width] = places.map((n, axis) => n / patch[axis]!) as [number, number, number];
    return x
      .reshape(batch, frames, height, width, outChannels, ...patch)
      .permute(0, 4, 1, 5, 2, 6, 3, 7)
      .reshape(batch, outChannels, ...places);
  }
}

/** 0 for image tokens and words, -10000 for padding: [B, 1, 1, N + T]. */
function paddingBias(mask: Tensor, tokens: number): Tensor {
  const [batch, words] = mask.shape as [number, number];
  return concat([fill(0, [batch, tokens]), mask.sub(1).mul(10000)], 1).reshape(batch, 1, 1, tokens + words);
}

/** The image's rotation, followed by none for `words` tokens of text. */
function standingStill({ cos, sin }: Rope, words: number): Rope {
  const still = (value: number) => fill(value, [words, cos.shape[1]!]);
  return { cos: concat([cos, still(1)], 0), sin: concat([sin, still(0)], 0) };
}
