import { silu } from "../../kernels/activations.ts";
import { pixelNorm } from "../../kernels/norms.ts";
import { Conv3d } from "../../nn/conv3d.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type LtxVaeConfig, type Scaling, strideOf } from "./config.ts";
import { type Pass, patchify, Resnet, SpaceToDepthDown } from "./layers.ts";

/** Resnets, then a halving; the strided-conv generation widens after it, the space-to-depth one within it. */
class DownBlock {
  readonly resnets: Resnet[];
  readonly down: Conv3d | SpaceToDepthDown | undefined;
  readonly widen: Resnet | undefined;

  constructor(
    inner: number,
    outer: number,
    layers: number,
    scaling: Scaling,
    { encoder, shortcutEpsilon }: LtxVaeConfig,
  ) {
    this.resnets = Array.from({ length: layers }, () => new Resnet({ inner }));
    if (encoder.downsampler === "space-to-depth") {
      const isPlain = scaling === "none" && inner === outer;
      this.down = isPlain ? undefined : new SpaceToDepthDown(inner, outer, strideOf[scaling]);
    } else {
      this.down = scaling === "none" ? undefined : new Conv3d(inner, inner, { stride: strideOf[scaling] });
      this.widen = inner === outer ? undefined : new Resnet({ inner, outer, epsilon: shortcutEpsilon });
    }
  }

  forward(x: Tensor, pass: Pass): Tensor {
    let h = x;
    for (const resnet of this.resnets) h = resnet.forward(h, pass);
    if (this.down) h = this.down.forward(h, pass);
    return this.widen ? this.widen.forward(h, pass) : h;
  }
}

/** Pixels to the mean and log-variance of latents (docs/how-it-works.md). */
export class Encoder {
  readonly convIn: Conv3d;
  readonly blocks: DownBlock[];
  readonly middle: Resnet[];
  readonly convOut: Conv3d;
  readonly config: LtxVaeConfig;

  constructor(config: LtxVaeConfig) {
    const { channels, layers, down } = config.encoder;
    this.config = config;
    this.convIn = new Conv3d(3 * config.patch ** 2, channels[0]!);
    this.blocks = down.map(
      (scaling, i) => new DownBlock(channels[i]!, channels[i + 1] ?? channels[i]!, layers[i]!, scaling, config),
    );
    const width = channels.at(-1)!;
    this.middle = Array.from({ length: layers.at(-1)! }, () => new Resnet({ inner: width }));
    this.convOut = new Conv3d(width, config.latentChannels + 1);
  }

  /** x [B, 3, F, H, W] in [-1, 1] to mean [B, C, f, h, w] and log-variance [B, 1, f, h, w] (shared by channels, in [-30, 20]). */
  forward(x: Tensor): { mean: Tensor; logVariance: Tensor } {
    const pass = { causal: this.config.encoder.causal, padding: this.config.padding };
    let h = this.convIn.forward(patchify(x, this.config.patch), pass);
    for (const block of this.blocks) h = block.forward(h, pass);
    for (const resnet of this.middle) h = resnet.forward(h, pass);
    h = this.convOut.forward(silu(pixelNorm(h)), pass);
    const [mean, logVariance] = h.split([this.config.latentChannels, 1], 1) as [Tensor, Tensor];
    return { mean, logVariance: logVariance.max(-30).min(20) };
  }
}
