/** The LTX-Video transformer (HaCohen et al. 2024, arXiv 2501.00103; layer facts in docs/how-it-works.md). */
import { silu } from "../../kernels/activations.ts";
import { layerNorm, rmsNorm } from "../../kernels/norms.ts";
import type { Rope } from "../../kernels/rope.ts";
import { Attention } from "../../nn/attention.ts";
import { FeedForward } from "../../nn/feed-forward.ts";
import { Linear } from "../../nn/linear.ts";
import { modulate } from "../../nn/norm.ts";
import { TimestepEmbedder } from "../../nn/timestep.ts";
import { concat, parameter, type Tensor } from "../../tensor/tensor.ts";
import { type LtxConfig, widthOf } from "./config.ts";

/** What every block reads besides the video tokens. */
interface Context {
  /** [B, T, W] */
  readonly text: Tensor;
  /** Added to the text logits: 0 for words, -10000 for padding, [B, 1, 1, T]. */
  readonly mask: Tensor | undefined;
  readonly rope: Rope;
}

/** One layer: self-attention and feed-forward moved by the noise level, cross-attention to the text left alone. */
export class Block {
  readonly selfAttention: Attention;
  readonly textAttention: Attention;
  readonly feedForward: FeedForward;
  /** [6, W]: shift, scale and gate of self-attention and of the feed-forward. */
  readonly table: Tensor;
  readonly epsilon: number;

  constructor(config: LtxConfig) {
    const width = widthOf(config);
    const attention = { width, heads: config.heads, epsilon: config.qkEpsilon, norm: config.qkNorm };
    this.selfAttention = new Attention(attention);
    this.textAttention = new Attention(attention);
    this.feedForward = new FeedForward(width, 4 * width);
    this.table = parameter([6, width]);
    this.epsilon = config.epsilon;
  }

  /** x [B, N, W], time [B, 1 or N, 6, W] to [B, N, W]; the last `perturbed` of B go without self-attention. */
  forward(x: Tensor, time: Tensor, { text, mask, rope }: Context, perturbed = 0): Tensor {
    const [shiftA, scaleA, gateA, shiftF, scaleF, gateF] = this.table.add(time).unstack(2) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const norm = (h: Tensor) => rmsNorm(h, { epsilon: this.epsilon });
    let h = x.add(this.#attend(modulate(norm(x), shiftA, scaleA), rope, perturbed).mul(gateA));
    h = h.add(this.textAttention.forward(h, { context: text, bias: mask }));
    return h.add(this.feedForward.forward(modulate(norm(h), shiftF, scaleF)).mul(gateF));
  }

  #attend(x: Tensor, rope: Rope, perturbed: number): Tensor {
    if (perturbed === 0) return this.selfAttention.forward(x, { rope });
    if (perturbed === x.shape[0]) return this.selfAttention.valuesOnly(x);
    const plain = x.slice(0, 0, -perturbed);
    const values = this.selfAttention.valuesOnly(x.slice(0, -perturbed));
    return concat([this.selfAttention.forward(plain, { rope }), values], 0);
  }
}

/** Noise level to the shared modulation of all blocks and to that of the head. */
class TimeEmbedding {
  readonly embedder: TimestepEmbedder;
  readonly modulation: Linear;

  constructor(width: number) {
    this.embedder = new TimestepEmbedder(width);
    this.modulation = new Linear(width, 6 * width);
  }

  /** sinusoid [B, 1 or N, 256] to blocks [B, 1 or N, 6, W] and head [B, 1 or N, W]. */
  forward(sinusoid: Tensor): { blocks: Tensor; head: Tensor } {
    const head = this.embedder.forward(sinusoid);
    const [batch, tokens, width] = head.shape as [number, number, number];
    return { blocks: this.modulation.forward(silu(head)).reshape(batch, tokens, 6, width), head };
  }
}

export interface TransformerInputs {
  /** Noisy normalised latents [B, N, C], tokens frame-major, then rows, then columns. */
  readonly latents: Tensor;
  /** States of the text encoder [B, T, captionChannels]. */
  readonly text: Tensor;
  /** 1 for words, 0 for padding [B, T]. */
  readonly textMask?: Tensor;
  /** `timestepSinusoid(1000 σ)`: [B, 1, 256], or [B, N, 256] for a noise level per token. */
  readonly sinusoid: Tensor;
  readonly rope: Rope;
}

export interface ForwardOptions {
  /** Sees the residual stream after each block and may put another in its place (taps, fusion). */
  readonly afterBlock?: (x: Tensor, index: number) => Tensor;
  /** Wraps the tracing of each block, for example in `recompute`. */
  readonly around?: (block: () => Tensor) => Tensor;
  /** Blocks in which the last of the batch goes without self-attention (spatio-temporal guidance). */
  readonly perturbed?: readonly number[];
}

/** Published as a constant, whatever the blocks' ε. */
const headEpsilon = 1e-6;

export class LtxTransformer {
  readonly projectIn: Linear;
  readonly timeEmbedding: TimeEmbedding;
  readonly captionProjection: FeedForward;
  readonly blocks: Block[];
  /** [2, W]: shift and scale of the head. */
  readonly table: Tensor;
  readonly projectOut: Linear;
  readonly config: LtxConfig;

  constructor(config: LtxConfig) {
    const width = widthOf(config);
    this.config = config;
    this.projectIn = new Linear(config.channels, width);
    this.timeEmbedding = new TimeEmbedding(width);
    this.captionProjection = new FeedForward(config.captionChannels, width, width);
    this.blocks = Array.from({ length: config.layers }, () => new Block(config));
    this.table = parameter([2, width]);
    this.projectOut = new Linear(width, config.outChannels);
  }

  /** The velocity noise - data [B, N, C]. */
  forward(
    { latents, text, textMask, sinusoid, rope }: TransformerInputs,
    { afterBlock = (x) => x, around = (block) => block(), perturbed = [] }: ForwardOptions = {},
  ): Tensor {
    let x = this.projectIn.forward(latents);
    const time = this.timeEmbedding.forward(sinusoid);
    const [batch, words] = text.shape as [number, number];
    const mask = textMask?.sub(1).mul(10000).reshape(batch, 1, 1, words);
    const context: Context = { text: this.captionProjection.forward(text), mask, rope };
    for (const [index, block] of this.blocks.entries())
      x = afterBlock(
        around(() => block.forward(x, time.blocks, context, perturbed.includes(index) ? 1 : 0)),
        index,
      );
    const [shift, scale] = this.table.add(time.head.unsqueeze(2)).unstack(2) as [Tensor, Tensor];
    return this.projectOut.forward(modulate(layerNorm(x, { epsilon: headEpsilon }), shift, scale));
  }
}
