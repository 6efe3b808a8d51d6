/** LTX-Video's latent upsampler: latents, not normalised, to latents of twice the size (Lightricks/LTX-Video 0.9.7). */
import { silu } from "../../kernels/activations.ts";
import { groupNorm } from "../../kernels/group-norm.ts";
import { depthToSpace } from "../../nn/depth.ts";
import { parameter, type Tensor } from "../../tensor/tensor.ts";
import type { UpsamplerConfig } from "./config.ts";

const groups = 32;
const epsilon = 1e-5;

/** A 3-D convolution with zeros on all sides; `flat` works on each frame by itself and stores a 2-D kernel. */
class Conv {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly flat: boolean;

  constructor(inner: number, outer: number, { flat = false } = {}) {
    this.weight = parameter(flat ? [outer, inner, 3, 3] : [outer, inner, 3, 3, 3]);
    this.bias = parameter([outer]);
    this.flat = flat;
  }

  forward(x: Tensor): Tensor {
    const weight = this.flat ? this.weight.unsqueeze(2) : this.weight;
    const time: [number, number] = this.flat ? [0, 0] : [1, 1];
    return x.conv(weight, { padding: [time, [1, 1], [1, 1]] }).add(this.bias.reshape(-1, 1, 1, 1));
  }
}

class GroupNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(width: number) {
    this.weight = parameter([width]);
    this.bias = parameter([width]);
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, { weight: this.weight, bias: this.bias, groups, epsilon });
  }
}

/** conv, norm, SiLU, conv, norm around a shortcut, then SiLU. */
class Block {
  readonly conv1: Conv;
  readonly norm1: GroupNorm;
  readonly conv2: Conv;
  readonly norm2: GroupNorm;

  constructor(width: number) {
    this.conv1 = new Conv(width, width);
    this.norm1 = new GroupNorm(width);
    this.conv2 = new Conv(width, width);
    this.norm2 = new GroupNorm(width);
  }

  forward(x: Tensor): Tensor {
    const h = silu(this.norm1.forward(this.conv1.forward(x)));
    return silu(this.norm2.forward(this.conv2.forward(h)).add(x));
  }
}

export class LatentUpsampler {
  readonly convIn: Conv;
  readonly normIn: GroupNorm;
  readonly before: Block[];
  readonly up: Conv;
  readonly after: Block[];
  readonly convOut: Conv;
  readonly config: UpsamplerConfig;

  constructor(config: UpsamplerConfig) {
    const { channels, width, blocks, space, time } = config;
    const list = () => Array.from({ length: blocks }, () => new Block(width));
    this.config = config;
    this.convIn = new Conv(channels, width);
    this.normIn = new GroupNorm(width);
    this.before = list();
    this.up = new Conv(width, width * (space ? 4 : 1) * (time ? 2 : 1), { flat: !time });
    this.after = list();
    this.convOut = new Conv(width, channels);
  }

  /** z [B, C, f, h, w] to [B, C, f, 2 h, 2 w]; where time is doubled, to 2 f - 1 frames. */
  forward(z: Tensor): Tensor {
    const { space, time } = this.config;
    let h = silu(this.normIn.forward(this.convIn.forward(z)));
    for (const block of this.before) h = block.forward(h);
    h = depthToSpace(this.up.forward(h), [time ? 2 : 1, space ? 2 : 1, space ? 2 : 1]);
    if (time) h = h.slice(2, 1);
    for (const block of this.after) h = block.forward(h);
    return this.convOut.forward(h);
  }
}
