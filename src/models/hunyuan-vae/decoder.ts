import { silu } from "../../kernels/activations.ts";
import { concat, type Tensor } from "../../tensor/tensor.ts";
import { decoderStrides, type HunyuanVaeConfig } from "./config.ts";
import { CausalConv, Middle, Norm, Resnet, type Stride } from "./layers.ts";

/** Every place repeated: [B, C, F, H, W] to [B, C, t F, h H, w W]. */
function repeat(x: Tensor, [t, h, w]: Stride): Tensor {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  return x
    .reshape(batch, channels, frames, 1, height, 1, width, 1)
    .broadcast([batch, channels, frames, t, height, h, width, w])
    .reshape(batch, channels, frames * t, height * h, width * w);
}

/** Nearest neighbours, then a conv; the first frame is a cell of its own and stays one frame. */
class Up {
  readonly conv: CausalConv;
  readonly stride: Stride;

  constructor(width: number, stride: Stride) {
    this.conv = new CausalConv(width, width);
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const [, h, w] = this.stride;
    const first = repeat(x.slice(2, 0, 1), [1, h, w]);
    return this.conv.forward(x.shape[2]! > 1 ? concat([first, repeat(x.slice(2, 1), this.stride)], 2) : first);
  }
}

class UpBlock {
  readonly resnets: Resnet[];
  readonly up: Up | undefined;

  constructor(inner: number, outer: number, stride: Stride, { layers, groups }: HunyuanVaeConfig) {
    this.resnets = Array.from({ length: layers + 1 }, (_, i) => new Resnet(i ? outer : inner, outer, groups));
    this.up = stride.some((n) => n > 1) ? new Up(outer, stride) : undefined;
  }

  forward(x: Tensor): Tensor {
    const h = this.resnets.reduce((state, resnet) => resnet.forward(state), x);
    return this.up ? this.up.forward(h) : h;
  }
}

/** Latents (not scaled) to pixels. */
export class Decoder {
  /** One by one. */
  readonly quantise: CausalConv;
  readonly convIn: CausalConv;
  readonly middle: Middle;
  readonly blocks: UpBlock[];
  readonly normOut: Norm;
  readonly convOut: CausalConv;
  readonly config: HunyuanVaeConfig;

  constructor(config: HunyuanVaeConfig) {
    const { latentChannels, groups } = config;
    const channels = config.channels.toReversed();
    const strides = decoderStrides(config);
    this.config = config;
    this.quantise = new CausalConv(latentChannels, latentChannels, { kernel: 1 });
    this.convIn = new CausalConv(latentChannels, channels[0]!);
    this.middle = new Middle(channels[0]!, config);
    this.blocks = channels.map((outer, i) => new UpBlock(channels[Math.max(0, i - 1)]!, outer, strides[i]!, config));
    this.normOut = new Norm(channels.at(-1)!, groups);
    this.convOut = new CausalConv(channels.at(-1)!, 3);
  }

  /** z [B, C, f, h, w] to [B, 3, F, H, W] with F = 4 (f - 1) + 1. */
  forward(z: Tensor): Tensor {
    const start = this.middle.forward(this.convIn.forward(this.quantise.forward(z)));
    const h = this.blocks.reduce((state, block) => block.forward(state), start);
    return this.convOut.forward(silu(this.normOut.forward(h)));
  }
}
