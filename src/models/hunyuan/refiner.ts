/** The text side of HunyuanVideo: a language model's states, refined by attention in both directions. */
import { silu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { FeedForward } from "../../nn/feed-forward.ts";
import { Linear } from "../../nn/linear.ts";
import { LayerNorm } from "../../nn/norm.ts";
import { TimestepEmbedder } from "../../nn/timestep.ts";
import { concat, fill, type Tensor } from "../../tensor/tensor.ts";
import { type HunyuanConfig, widthOf } from "./config.ts";
import { epsilon, Modulation } from "./layers.ts";

/** Inner width of the refiner's feed-forwards over its own, whatever the transformer's ratio. */
const ratio = 4;

class RefinerBlock {
  readonly attentionNorm: LayerNorm;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly out: Linear;
  readonly feedForwardNorm: LayerNorm;
  readonly feedForward: FeedForward;
  readonly gates: Modulation;
  readonly heads: number;

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    this.attentionNorm = new LayerNorm(width, epsilon);
    this.query = new Linear(width, width);
    this.key = new Linear(width, width);
    this.value = new Linear(width, width);
    this.out = new Linear(width, width);
    this.feedForwardNorm = new LayerNorm(width, epsilon);
    this.feedForward = new FeedForward(width, ratio * width, width, silu);
    this.gates = new Modulation(width, 2);
    this.heads = config.heads;
  }

  forward(x: Tensor, condition: Tensor, bias: Tensor | undefined): Tensor {
    const [gateA, gateF] = this.gates.forward(condition) as [Tensor, Tensor];
    const u = this.attentionNorm.forward(x);
    const [q, k, v] = [this.query, this.key, this.value].map((layer) => layer.forward(u)) as [Tensor, Tensor, Tensor];
    const scale = (x.shape[2]! / this.heads) ** -0.5;
    const h = x.add(this.out.forward(attention(q, k, v, { heads: this.heads, scale, bias })).mul(gateA));
    return h.add(this.feedForward.forward(this.feedForwardNorm.forward(h)).mul(gateF));
  }
}

export class TextRefiner {
  readonly time: TimestepEmbedder;
  readonly pooled: FeedForward;
  readonly projectIn: Linear;
  readonly blocks: RefinerBlock[];

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    this.time = new TimestepEmbedder(width);
    this.pooled = new FeedForward(config.textWidth, width, width, silu);
    this.projectIn = new Linear(config.textWidth, width);
    this.blocks = Array.from({ length: config.refinerBlocks }, () => new RefinerBlock(config));
  }

  /** text [B, T, textWidth], mask [B, T], sinusoid [B, 256] to [B, T, W]. */
  forward(text: Tensor, mask: Tensor | undefined, sinusoid: Tensor): Tensor {
    const condition = this.time.forward(sinusoid).add(this.pooled.forward(meanOf(text, mask)));
    const bias = mask && wordsOnly(mask);
    return this.blocks.reduce((x, block) => block.forward(x, condition, bias), this.projectIn.forward(text));
  }
}

/** The mean over words [B, C]. */
function meanOf(text: Tensor, mask: Tensor | undefined): Tensor {
  if (!mask) return text.mean(1);
  return text.mul(mask.unsqueeze(2)).sum(1).div(mask.sum(1, true));
}

/** Words see words; the first column is open to all, so that padding has something to see: [B, 1, T, T]. */
function wordsOnly(mask: Tensor): Tensor {
  const [batch, words] = mask.shape as [number, number];
  const both = mask.reshape(batch, 1, words, 1).mul(mask.reshape(batch, 1, 1, words));
  return concat([fill(1, [batch, 1, words, 1]), both.slice(3, 1)], 3)
    .sub(1)
    .mul(10000);
}
