/** A Llama as a text encoder (Touvron et al. 2023, arXiv 2302.13971; grouped keys as in Ainslie et al. 2023). */
import { InputError } from "../../base/errors.ts";
import { silu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { causalBias } from "../../nn/causal.ts";
import { GatedFeedForward } from "../../nn/feed-forward.ts";
import { Linear } from "../../nn/linear.ts";
import { RmsNorm } from "../../nn/norm.ts";
import { rotaryFrequencies } from "../../nn/rotary.ts";
import { concat, constant, parameter, type Tensor } from "../../tensor/tensor.ts";
import type { LlamaConfig } from "./config.ts";

interface Turn {
  /** [T, 1, headWidth / 2] */
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Turns channel i of a head together with channel i + headWidth / 2: x [B, T, H, headWidth]. */
function turned(x: Tensor, { cos, sin }: Turn): Tensor {
  const [a, b] = x.chunk(2, 3) as [Tensor, Tensor];
  return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], 3);
}

function turnsOf(length: number, { headWidth, ropeTheta }: LlamaConfig): Turn {
  const waves = rotaryFrequencies(headWidth, ropeTheta);
  const table = (wave: (angle: number) => number) => {
    const values = Float32Array.from({ length: length * waves.length }, (_, at) =>
      wave(Math.fround(Math.floor(at / waves.length) * waves[at % waves.length]!)),
    );
    return constant(values, [length, 1, waves.length]);
  };
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

class SelfAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly out: Linear;
  readonly config: LlamaConfig;

  constructor(config: LlamaConfig) {
    const { width, heads, keyHeads, headWidth, attentionBias } = config;
    const options = { bias: attentionBias };
    this.query = new Linear(width, heads * headWidth, options);
    this.key = new Linear(width, keyHeads * headWidth, options);
    this.value = new Linear(width, keyHeads * headWidth, options);
    this.out = new Linear(heads * headWidth, width, options);
    this.config = config;
  }

  forward(x: Tensor, turn: Turn, bias: Tensor): Tensor {
    const [batch, length] = x.shape as [number, number];
    const { heads, keyHeads, headWidth } = this.config;
    const q = turned(this.query.forward(x).reshape(batch, length, heads, headWidth), turn);
    const k = turned(this.key.forward(x).reshape(batch, length, keyHeads, headWidth), turn);
    const v = this.value.forward(x).reshape(batch, length, keyHeads, headWidth);
    const mixed = attention(q.reshape(batch, length, -1), this.#forAll(k), this.#forAll(v), {
      heads,
      scale: headWidth ** -0.5,
      bias,
    });
    return this.out.forward(mixed);
  }

  /** Each head of keys repeated for the queries that it serves: [B, T, keyHeads, w] to [B, T, heads · w]. */
  #forAll(x: Tensor): Tensor {
    const [batch, length, keyHeads, width] = x.shape as [number, number, number, number];
    const each = this.config.heads / keyHeads;
    return x.unsqueeze(3).broadcast([batch, length, keyHeads, each, width]).reshape(batch, length, -1);
  }
}

class Block {
  readonly attentionNorm: RmsNorm;
  readonly attention: SelfAttention;
  readonly feedForwardNorm: RmsNorm;
  readonly feedForward: GatedFeedForward;

  constructor(config: LlamaConfig) {
    this.attentionNorm = new RmsNorm(config.width, config.epsilon);
    this.attention = new SelfAttention(config);
    this.feedForwardNorm = new RmsNorm(config.width, config.epsilon);
    this.feedForward = new GatedFeedForward(config, silu, { bias: config.feedForwardBias });
  }

  forward(x: Tensor, turn: Turn, bias: Tensor): Tensor {
    const h = x.add(this.attention.forward(this.attentionNorm.forward(x), turn, bias));
    return h.add(this.feedForward.forward(this.feedForwardNorm.forward(h)));
  }
}

export interface LlamaInputs {
  /** Token numbers [B, T]. */
  readonly ids: Tensor;
  /** 1 for words, 0 for padding behind them [B, T]. */
  readonly mask?: Tensor | undefined;
}

export class LlamaEncoder {
  readonly embedding: Tensor;
  readonly blocks: Block[];
  readonly finalNorm: RmsNorm;
  readonly config: LlamaConfig;

  constructor(config: LlamaConfig) {
    this.config = config;
    this.embedding = parameter([config.vocabulary, config.width]);
    this.blocks = Array.from({ length: config.layers }, () => new Block(config));
    this.finalNorm = new RmsNorm(config.width, config.epsilon);
  }

  /**
   * States [B, T, W]: of the last layer, normalised, or of the layer `skip` before it, not normalised
   * (HunyuanVideo skips 2).
   */
  forward({ ids, mask }: LlamaInputs, { skip = 0 } = {}): Tensor {
    if (skip > this.blocks.length)
      throw new InputError(`${skip} layers cannot be skipped of ${this.blocks.length}`, { where: "llama" });
    const length = ids.shape[1]!;
    const [turn, bias] = [turnsOf(length, this.config), causalBias(length, mask)];
    const used = this.blocks.slice(0, this.blocks.length - skip);
    const x = used.reduce((state, block) => block.forward(state, turn, bias), this.embedding.gather(ids));
    return skip ? x : this.finalNorm.forward(x);
  }
}
