/** The two models of two-stage synthesis: one that hands over its block features, and one that takes them in. */
import { ShapeError } from "../../base/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Fusion } from "./fusion.ts";
import type { Resizing } from "./resize.ts";
import { type ForwardOptions, LtxTransformer, type TransformerInputs } from "./transformer.ts";
import { checkTaps, type HrConfig } from "./two-stage-config.ts";

/** The low-resolution forward pass with the residual stream [B, n, W] after each tapped block. */
export function forwardWithTaps(
  transformer: LtxTransformer,
  inputs: TransformerInputs,
  taps: readonly number[],
): { velocity: Tensor; features: Tensor[] } {
  checkTaps(taps, transformer.config.layers);
  const features: Tensor[] = [];
  const velocity = transformer.forward(inputs, {
    afterBlock: (x, index) => {
      if (taps.includes(index)) features.push(x);
      return x;
    },
  });
  return { velocity, features };
}

/**
 * The high-resolution model: the transformer of the low-resolution one with a fusion after each tapped block. With
 * residual fusions that start at zero (`training/hr-initial.ts`) it starts as that transformer, to the bit.
 */
export class HrTransformer {
  readonly transformer: LtxTransformer;
  readonly fusion: Fusion[];
  readonly config: HrConfig;

  constructor(config: HrConfig) {
    checkTaps(config.taps, config.transformer.layers);
    this.config = config;
    this.transformer = new LtxTransformer(config.transformer);
    this.fusion = config.guidance === "none" ? [] : config.taps.map(() => new Fusion(config));
  }

  /**
   * Guide tokens [B, n, C] of each tap to [B, N, W] on the large grid, or a crop of it. Nothing here depends on the
   * noise level of the high-resolution model: once for a video is enough.
   */
  upsample(guides: readonly Tensor[], resizing: Resizing): Tensor[] {
    this.#checkCount(guides);
    return this.fusion.map((fusion, k) => fusion.guide.forward(guides[k]!, resizing));
  }

  /** The velocity [B, N, C], given the upsampled guides. */
  forward(
    inputs: TransformerInputs,
    guides: readonly Tensor[],
    { around }: Pick<ForwardOptions, "around"> = {},
  ): Tensor {
    this.#checkCount(guides);
    const time = this.transformer.timeEmbedding.embedder.forward(inputs.sinusoid);
    return this.transformer.forward(inputs, {
      ...(around ? { around } : {}),
      afterBlock: (h, index) => {
        const k = this.config.taps.indexOf(index);
        const fusion = this.fusion[k];
        return fusion ? fusion.join.forward({ h, guide: guides[k]!, time }) : h;
      },
    });
  }

  #checkCount(guides: readonly Tensor[]): void {
    if (guides.length !== this.fusion.length)
      throw new ShapeError(`this model takes ${this.fusion.length} guides, got ${guides.length}`);
  }
}
