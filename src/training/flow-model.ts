import type { LtxConfig } from "../models/ltx/config.ts";
import type { T5Config } from "../models/t5/encoder.ts";
import type { FlowRecipe } from "./recipe.ts";

/** The models that a recipe describes, for a vocabulary and latents of some size. */
export function modelConfigs(
  { text, transformer }: FlowRecipe,
  vocabulary: number,
  channels: number,
): { text: T5Config; transformer: LtxConfig } {
  return {
    text: {
      layers: text.layers,
      width: text.width,
      heads: text.heads,
      headWidth: text.width / text.heads,
      inner: text.inner,
      vocabulary,
      buckets: 32,
      maxDistance: 128,
      epsilon: 1e-6,
    },
    transformer: {
      layers: transformer.layers,
      heads: transformer.heads,
      headWidth: transformer.headWidth,
      channels,
      outChannels: channels,
      captionChannels: text.width,
      qkEpsilon: 1e-5,
      epsilon: 1e-6,
      ropeTheta: 10000,
      causalPositions: false,
    },
  };
}
