/** The HunyuanVideo-style teacher as it is trained: two text encoders and the transformer under one roof. */
import type { ClipTextConfig } from "../models/clip/config.ts";
import { ClipTextEncoder } from "../models/clip/encoder.ts";
import type { HunyuanConfig } from "../models/hunyuan/config.ts";
import { HunyuanTransformer } from "../models/hunyuan/transformer.ts";
import type { LlamaConfig } from "../models/llama/config.ts";
import { LlamaEncoder } from "../models/llama/encoder.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import { initialWeights } from "./initial.ts";
import type { TeacherRecipe } from "./recipe.ts";

export interface TeacherConfigs {
  readonly language: LlamaConfig;
  readonly clip: ClipTextConfig;
  readonly transformer: HunyuanConfig;
}

/** Number of the token that ends a prompt in the small vocabularies. */
const end = 1;

/** The models that a recipe describes, for a vocabulary and latents of some size. */
export function teacherConfigs(
  { text, pooled, transformer }: TeacherRecipe,
  vocabulary: number,
  channels: number,
): TeacherConfigs {
  const { ropeAxes, ...sizes } = transformer;
  return {
    language: {
      layers: text.layers,
      width: text.width,
      heads: text.heads,
      keyHeads: text.keyHeads,
      headWidth: text.width / text.heads,
      inner: text.inner,
      vocabulary,
      epsilon: 1e-5,
      ropeTheta: 10000,
      attentionBias: false,
      feedForwardBias: false,
    },
    clip: { ...pooled, vocabulary, length: text.tokens, epsilon: 1e-5, end },
    transformer: {
      ...sizes,
      headWidth: ropeAxes.reduce((sum, axis) => sum + axis),
      ropeAxes,
      channels,
      outChannels: channels,
      patch: [1, 2, 2],
      mlpRatio: 4,
      textWidth: text.width,
      pooledWidth: pooled.width,
      guidance: false,
      ropeTheta: 256,
    },
  };
}

export class TeacherNet {
  readonly language: LlamaEncoder;
  readonly clip: ClipTextEncoder;
  readonly transformer: HunyuanTransformer;

  constructor({ language, clip, transformer }: TeacherConfigs) {
    this.language = new LlamaEncoder(language);
    this.clip = new ClipTextEncoder(clip);
    this.transformer = new HunyuanTransformer(transformer);
  }
}

/** Blocks begin as identities with a zero head (adaLN-Zero: Peebles and Xie 2023); words at deviation 1, as T5's do. */
export function initialTeacherWeights(net: TeacherNet, seed: number): Map<string, HostTensor> {
  return initialWeights(net, seed, {
    gain: (name) => {
      if (/\.modulation\.linear|\.gates\.linear|head\.project/.test(name)) return 0;
      if (name === "language.embedding") return net.language.config.width ** 0.5;
      return 1;
    },
  });
}
