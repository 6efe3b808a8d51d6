/** The text tower of CLIP (Radford et al. 2021, arXiv 2103.00020). */
import { quickGelu } from "../../kernels/activations.ts";
import { Attention } from "../../nn/attention.ts";
import { causalBias } from "../../nn/causal.ts";
import { Linear } from "../../nn/linear.ts";
import { LayerNorm } from "../../nn/norm.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { parameter, type Tensor } from "../../tensor/tensor.ts";
import type { ClipTextConfig } from "./config.ts";

class Block {
  readonly attentionNorm: LayerNorm;
  readonly attention: Attention;
  readonly feedForwardNorm: LayerNorm;
  readonly in: Linear;
  readonly out: Linear;

  constructor(config: ClipTextConfig) {
    this.attentionNorm = new LayerNorm(config.width, config.epsilon);
    this.attention = new Attention({ ...config, norm: "none" });
    this.feedForwardNorm = new LayerNorm(config.width, config.epsilon);
    this.in = new Linear(config.width, config.inner);
    this.out = new Linear(config.inner, config.width);
  }

  forward(x: Tensor, bias: Tensor): Tensor {
    const h = x.add(this.attention.forward(this.attentionNorm.forward(x), { bias }));
    return h.add(this.out.forward(quickGelu(this.in.forward(this.feedForwardNorm.forward(h)))));
  }
}

export interface ClipTextInputs {
  /** Token numbers [B, T]. */
  readonly ids: Tensor;
  /** `endOf(ids)` [B, T]. */
  readonly end: Tensor;
  /** 1 for words, 0 for padding [B, T]; HunyuanVideo gives none. */
  readonly mask?: Tensor | undefined;
}

export class ClipTextEncoder {
  readonly embedding: Tensor;
  readonly positions: Tensor;
  readonly blocks: Block[];
  readonly finalNorm: LayerNorm;
  readonly config: ClipTextConfig;

  constructor(config: ClipTextConfig) {
    this.config = config;
    this.embedding = parameter([config.vocabulary, config.width]);
    this.positions = parameter([config.length, config.width]);
    this.blocks = Array.from({ length: config.layers }, () => new Block(config));
    this.finalNorm = new LayerNorm(config.width, config.epsilon);
  }

  /** States [B, T, W] and the one at the end of the prompt [B, W]. */
  forward({ ids, end, mask }: ClipTextInputs): { states: Tensor; pooled: Tensor } {
    const length = ids.shape[1]!;
    const bias = causalBias(length, mask);
    const start = this.embedding.gather(ids).add(this.positions.slice(0, 0, length));
    const states = this.finalNorm.forward(this.blocks.reduce((x, block) => block.forward(x, bias), start));
    return { states, pooled: states.mul(end.unsqueeze(2)).sum(1) };
  }
}

/** 1 at the token that stands for its prompt and 0 elsewhere, [B, T]. */
export function endOf({ data, shape }: HostTensor, { end }: Pick<ClipTextConfig, "end">): HostTensor {
  const [batch, length] = shape as [number, number];
  const out = new Float32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    const ids = Array.from(data.subarray(row * length, (row + 1) * length));
    // Files from before 2023 name 2, but mean 49407, which is the largest.
    const at = end === 2 ? ids.indexOf(Math.max(...ids)) : Math.max(0, ids.indexOf(end));
    out[row * length + at] = 1;
  }
  return hostTensor(out, shape);
}
