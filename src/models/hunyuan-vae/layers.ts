/** Pieces of the HunyuanVideo autoencoder that encoder and decoder share. */
import { silu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { groupNorm } from "../../kernels/group-norm.ts";
import { replicatePad } from "../../kernels/replicate-pad.ts";
import { Linear } from "../../nn/linear.ts";
import { hostTensor } from "../../tensor/dtype.ts";
import { constant, parameter, type Tensor } from "../../tensor/tensor.ts";
import type { HunyuanVaeConfig } from "./config.ts";

export type Stride = readonly [number, number, number];

const epsilon = 1e-6;

/** A 3-D convolution over copies of the border; in time all copies stand before the clip, so that it is causal. */
export class CausalConv {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly stride: Stride;

  constructor(inner: number, outer: number, { kernel = 3, stride = [1, 1, 1] as Stride } = {}) {
    this.weight = parameter([outer, inner, kernel, kernel, kernel]);
    this.bias = parameter([outer]);
    this.stride = stride;
  }

  /** x [B, C, F, H, W] to [B, O, F', H', W']. */
  forward(x: Tensor): Tensor {
    const size = this.weight.shape[2]!;
    const side = (size - 1) / 2;
    const padded = replicatePad(x, [
      [size - 1, 0],
      [side, side],
      [side, side],
    ]);
    return padded.conv(this.weight, { stride: this.stride }).add(this.bias.reshape(-1, 1, 1, 1));
  }
}

/** Group norm of channels. */
export class Norm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly groups: number;

  constructor(channels: number, groups: number) {
    this.weight = parameter([channels]);
    this.bias = parameter([channels]);
    this.groups = groups;
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, { weight: this.weight, bias: this.bias, groups: this.groups, epsilon });
  }
}

/** norm, SiLU, conv, twice, around a shortcut. */
export class Resnet {
  readonly norm1: Norm;
  readonly conv1: CausalConv;
  readonly norm2: Norm;
  readonly conv2: CausalConv;
  readonly shortcut: CausalConv | undefined;

  constructor(inner: number, outer: number, groups: number) {
    this.norm1 = new Norm(inner, groups);
    this.conv1 = new CausalConv(inner, outer);
    this.norm2 = new Norm(outer, groups);
    this.conv2 = new CausalConv(outer, outer);
    this.shortcut = inner === outer ? undefined : new CausalConv(inner, outer, { kernel: 1 });
  }

  forward(x: Tensor): Tensor {
    const h = this.conv1.forward(silu(this.norm1.forward(x)));
    return this.conv2.forward(silu(this.norm2.forward(h))).add(this.shortcut ? this.shortcut.forward(x) : x);
  }
}

/** Attention of one head over all places; a place sees its own frame and earlier ones. */
class FrameAttention {
  readonly norm: Norm;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly out: Linear;

  constructor(width: number, groups: number) {
    this.norm = new Norm(width, groups);
    this.query = new Linear(width, width);
    this.key = new Linear(width, width);
    this.value = new Linear(width, width);
    this.out = new Linear(width, width);
  }

  forward(x: Tensor): Tensor {
    const [batch, width, frames, height, columns] = x.shape as [number, number, number, number, number];
    const u = this.norm.forward(x).permute(0, 2, 3, 4, 1).reshape(batch, -1, width);
    const [q, k, v] = [this.query, this.key, this.value].map((layer) => layer.forward(u)) as [Tensor, Tensor, Tensor];
    const bias = frames > 1 ? constant(earlierFrames(frames, height * columns)) : undefined;
    const mixed = this.out.forward(attention(q, k, v, { heads: 1, scale: width ** -0.5, bias }));
    return x.add(mixed.reshape(batch, frames, height, columns, width).permute(0, 4, 1, 2, 3));
  }
}

/** [1, 1, N, N]: 0 where the key's frame is not after the query's, else -1e9. */
function earlierFrames(frames: number, area: number) {
  const places = frames * area;
  const bias = new Float32Array(places * places);
  for (let query = 0; query < places; query++)
    bias.fill(-1e9, query * places + (Math.floor(query / area) + 1) * area, (query + 1) * places);
  return hostTensor(bias, [1, 1, places, places]);
}

/** Resnet, attention where there is one, resnet. */
export class Middle {
  readonly first: Resnet;
  readonly attention: FrameAttention | undefined;
  readonly second: Resnet;

  constructor(width: number, { groups, attention }: HunyuanVaeConfig) {
    this.first = new Resnet(width, width, groups);
    this.attention = attention ? new FrameAttention(width, groups) : undefined;
    this.second = new Resnet(width, width, groups);
  }

  forward(x: Tensor): Tensor {
    const h = this.first.forward(x);
    return this.second.forward(this.attention ? this.attention.forward(h) : h);
  }
}
