import { silu } from "../../kernels/activations.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { encoderStrides, type HunyuanVaeConfig } from "./config.ts";
import { CausalConv, Middle, Norm, Resnet, type Stride } from "./layers.ts";

const isMoving = (stride: Stride): boolean => stride.some((n) => n > 1);

/** Resnets, then a strided conv. */
class DownBlock {
  readonly resnets: Resnet[];
  readonly down: CausalConv | undefined;

  constructor(inner: number, outer: number, stride: Stride, { layers, groups }: HunyuanVaeConfig) {
    this.resnets = Array.from({ length: layers }, (_, i) => new Resnet(i ? outer : inner, outer, groups));
    this.down = isMoving(stride) ? new CausalConv(outer, outer, { stride }) : undefined;
  }

  forward(x: Tensor): Tensor {
    const h = this.resnets.reduce((state, resnet) => resnet.forward(state), x);
    return this.down ? this.down.forward(h) : h;
  }
}

/** Pixels to the mean and log-variance of latents, not scaled. */
export class Encoder {
  readonly convIn: CausalConv;
  readonly blocks: DownBlock[];
  readonly middle: Middle;
  readonly normOut: Norm;
  readonly convOut: CausalConv;
  /** One by one, mean and log-variance together. */
  readonly quantise: CausalConv;
  readonly config: HunyuanVaeConfig;

  constructor(config: HunyuanVaeConfig) {
    const { channels, latentChannels, groups } = config;
    const strides = encoderStrides(config);
    this.config = config;
    this.convIn = new CausalConv(3, channels[0]!);
    this.blocks = channels.map((outer, i) => new DownBlock(channels[Math.max(0, i - 1)]!, outer, strides[i]!, config));
    this.middle = new Middle(channels.at(-1)!, config);
    this.normOut = new Norm(channels.at(-1)!, groups);
    this.convOut = new CausalConv(channels.at(-1)!, 2 * latentChannels);
    this.quantise = new CausalConv(2 * latentChannels, 2 * latentChannels, { kernel: 1 });
  }

  /** x [B, 3, F, H, W] in [-1, 1] to mean and log-variance [B, C, f, h, w], the latter in [-30, 20]. */
  forward(x: Tensor): { mean: Tensor; logVariance: Tensor } {
    const h = this.blocks.reduce((state, block) => block.forward(state), this.convIn.forward(x));
    const out = this.convOut.forward(silu(this.normOut.forward(this.middle.forward(h))));
    const [mean, logVariance] = this.quantise.forward(out).chunk(2, 1) as [Tensor, Tensor];
    return { mean, logVariance: logVariance.max(-30).min(20) };
  }
}
