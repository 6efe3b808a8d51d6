/** How the high-resolution model takes in what the low-resolution model found (Turbo2K, Sec. 3.2, Eq. 5 and 6). */
import { silu } from "../../kernels/activations.ts";
import { layerNorm, rmsNorm } from "../../kernels/norms.ts";
import { Linear } from "../../nn/linear.ts";
import { modulate } from "../../nn/norm.ts";
import { parameter, type Tensor } from "../../tensor/tensor.ts";
import { widthOf } from "./config.ts";
import { type Resizing, resize, resizeWithin } from "./resize.ts";
import { guideChannels, type HrConfig } from "./two-stage-config.ts";

const epsilon = 1e-6;

/** A 3 x 3 convolution of each channel with its own kernel; weight [9, W], rows first. */
class DepthwiseConv {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(width: number) {
    this.weight = parameter([9, width]);
    this.bias = parameter([width]);
  }

  /** x [B, f, H + 2, W + 2, C] to [B, f, H, W, C]. */
  forward(x: Tensor): Tensor {
    const [height, width] = [x.shape[2]! - 2, x.shape[3]! - 2];
    const parts = this.weight.unstack(0).map((weight, at) => {
      const [row, column] = [Math.floor(at / 3), at % 3];
      return x
        .slice(2, row, row + height)
        .slice(3, column, column + width)
        .mul(weight);
    });
    return parts.reduce((sum, part) => sum.add(part)).add(this.bias);
  }
}

/** A 3 x 3 convolution of all channels within each frame; weight [W, W, 1, 3, 3]. */
class DenseConv {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(width: number) {
    this.weight = parameter([width, width, 1, 3, 3]);
    this.bias = parameter([width]);
  }

  /** x [B, f, H + 2, W + 2, C] to [B, f, H, W, C]. */
  forward(x: Tensor): Tensor {
    return x.permute(0, 4, 1, 2, 3).conv(this.weight).permute(0, 2, 3, 4, 1).add(this.bias);
  }
}

const convs = { depthwise: DepthwiseConv, dense: DenseConv } as const;

/**
 * g to g': normalised over channels, resized, convolved locally. Latents are widened first. With moments each large cell also
 * reads what its source cell says of the very place where it lies (docs/decisions/two-stage.md, section 5; not in the paper).
 */
export class GuideUpsampler {
  readonly widen: Linear | undefined;
  readonly spread: Linear | undefined;
  readonly conv: DepthwiseConv | DenseConv;

  constructor(config: HrConfig) {
    const [inner, width] = [guideChannels(config), widthOf(config.transformer)];
    this.widen = inner === width ? undefined : new Linear(inner, width);
    this.spread = config.moments ? new Linear(width, config.moments ** 2 * width) : undefined;
    this.conv = new convs[config.conv](width);
  }

  /** What one tap gave on the small grid [B, n, C] to [B, N, W] on the large one. */
  forward(guide: Tensor, resizing: Resizing): Tensor {
    const wide = this.widen ? this.widen.forward(guide) : rmsNorm(guide, { epsilon });
    const plain = resize(wide, resizing);
    const both = this.spread ? plain.add(resizeWithin(this.spread.forward(wide), resizing)) : plain;
    const large = this.conv.forward(both);
    return large.reshape(large.shape[0]!, -1, large.shape.at(-1)!);
  }
}

/** Where a fusion block begins: what it adds to, or puts in place of, the stream h. */
interface Streams {
  /** Stream of the high-resolution model [B, N, W]. */
  readonly h: Tensor;
  /** g' [B, N, W] */
  readonly guide: Tensor;
  /** Embedded noise level of the high-resolution model [B, 1, W]. */
  readonly time: Tensor;
}

/**
 * h' = Norm(Linear(h)) + g', h'' = h' (1 + α) + β: Eq. 5 and 6 to the letter. Nothing of the stream passes around the
 * norm, so a model that starts at another's weights does not start as that model.
 */
class LiteralFusion {
  readonly linH: Linear;
  /** Noise level to α and β. */
  readonly linT: Linear;

  constructor(width: number) {
    this.linH = new Linear(width, width);
    this.linT = new Linear(width, 2 * width);
  }

  joined({ h, guide }: Streams): Tensor {
    return layerNorm(this.linH.forward(h), { epsilon }).add(guide);
  }

  modulated(x: Tensor, { time }: Streams): Tensor {
    const [alpha, beta] = this.linT.forward(silu(time)).chunk(2, -1) as [Tensor, Tensor];
    return modulate(x, beta, alpha);
  }

  forward(streams: Streams): Tensor {
    return this.modulated(this.joined(streams), streams);
  }
}

/** With a second linear layer after the sum, as the paper's figure has it and its text has not. */
class FigureFusion extends LiteralFusion {
  readonly linO: Linear;

  constructor(width: number) {
    super(width);
    this.linO = new Linear(width, width);
  }

  override forward(streams: Streams): Tensor {
    return this.modulated(this.linO.forward(this.joined(streams)), streams);
  }
}

/** The figure's block beside the stream, which passes unchanged while `linO` and `linT` are zero. */
class ResidualFusion extends FigureFusion {
  override forward(streams: Streams): Tensor {
    return streams.h.add(super.forward(streams));
  }
}

const forms = { residual: ResidualFusion, figure: FigureFusion, literal: LiteralFusion } as const;

/** One fusion: the way of a tap's guide to the large grid, and into the stream after the same block. */
export class Fusion {
  readonly guide: GuideUpsampler;
  readonly join: LiteralFusion | FigureFusion | ResidualFusion;

  constructor(config: HrConfig) {
    this.guide = new GuideUpsampler(config);
    this.join = new forms[config.form](widthOf(config.transformer));
  }
}
