/** The two kinds of HunyuanVideo blocks. */
import { gelu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { layerNorm } from "../../kernels/norms.ts";
import type { Rope } from "../../kernels/rope.ts";
import { FeedForward } from "../../nn/feed-forward.ts";
import { Linear } from "../../nn/linear.ts";
import { modulate } from "../../nn/norm.ts";
import { concat, type Tensor } from "../../tensor/tensor.ts";
import { type HunyuanConfig, widthOf } from "./config.ts";
import { epsilon, Modulation, Projections } from "./layers.ts";

/** What every block reads besides the tokens. */
export interface Context {
  /** Noise level, prompt and guidance in one vector [B, W]. */
  readonly condition: Tensor;
  /** Positions of the image tokens. */
  readonly rope: Rope;
  /** Added to the logits of padding among the text, [B, 1, 1, N + T]. */
  readonly bias: Tensor | undefined;
}

const norm = (x: Tensor): Tensor => layerNorm(x, { epsilon });

/** What a double block holds for one of its two streams. */
class Stream {
  readonly modulation: Modulation;
  readonly attention: Projections;
  readonly out: Linear;
  readonly feedForward: FeedForward;

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    this.modulation = new Modulation(width, 6);
    this.attention = new Projections(config);
    this.out = new Linear(width, width);
    this.feedForward = new FeedForward(width, width * config.mlpRatio);
  }

  /** Queries, keys and values of x, and what becomes of x once attention has mixed them. */
  open(x: Tensor, condition: Tensor, rope?: Rope): { projected: Tensor[]; close: (mixed: Tensor) => Tensor } {
    const [shiftA, scaleA, gateA, shiftF, scaleF, gateF] = this.modulation.forward(condition) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const projected = this.attention.forward(modulate(norm(x), shiftA, scaleA), rope);
    const close = (mixed: Tensor) => {
      const h = x.add(this.out.forward(mixed).mul(gateA));
      return h.add(this.feedForward.forward(modulate(norm(h), shiftF, scaleF)).mul(gateF));
    };
    return { projected, close };
  }
}

/** Image and text attend to each other with weights of their own. */
export class DoubleBlock {
  readonly image: Stream;
  readonly text: Stream;
  readonly heads: number;
  readonly scale: number;

  constructor(config: HunyuanConfig) {
    this.image = new Stream(config);
    this.text = new Stream(config);
    this.heads = config.heads;
    this.scale = config.headWidth ** -0.5;
  }

  /** image [B, N, W] and text [B, T, W] to the same. */
  forward(image: Tensor, text: Tensor, { condition, rope, bias }: Context): [image: Tensor, text: Tensor] {
    const sides = [this.image.open(image, condition, rope), this.text.open(text, condition)];
    const together = (i: number) =>
      concat(
        sides.map(({ projected }) => projected[i]!),
        1,
      );
    const mixed = attention(together(0), together(1), together(2), { heads: this.heads, scale: this.scale, bias });
    const parts = mixed.split([image.shape[1]!, text.shape[1]!], 1);
    return sides.map(({ close }, i) => close(parts[i]!)) as [Tensor, Tensor];
  }
}

/** Image and text in one sequence; attention and feed-forward side by side, into one output layer. */
export class SingleBlock {
  readonly modulation: Modulation;
  readonly attention: Projections;
  readonly in: Linear;
  readonly out: Linear;
  readonly heads: number;
  readonly scale: number;

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    const inner = width * config.mlpRatio;
    this.modulation = new Modulation(width, 3);
    this.attention = new Projections(config);
    this.in = new Linear(width, inner);
    this.out = new Linear(width + inner, width);
    this.heads = config.heads;
    this.scale = config.headWidth ** -0.5;
  }

  /** x [B, N + T, W], image tokens first; `rope` covers all of them, text standing still. */
  forward(x: Tensor, { condition, rope, bias }: Context): Tensor {
    const [shift, scale, gate] = this.modulation.forward(condition) as [Tensor, Tensor, Tensor];
    const u = modulate(norm(x), shift, scale);
    const [q, k, v] = this.attention.forward(u, rope);
    const mixed = attention(q, k, v, { heads: this.heads, scale: this.scale, bias });
    return x.add(this.out.forward(concat([mixed, gelu(this.in.forward(u))], 2)).mul(gate));
  }
}
