/** The layouts in which T5 encoders are passed around, told apart by their names and turned into the transformers one. */
import type { TensorEntry } from "../../weights/safetensors.ts";
import { type T5Config, toTransformers } from "./encoder.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/** llama.cpp's names (GGUF) and ours, transformers'. */
const llamaNames: readonly (readonly [RegExp, string])[] = [
  [/^token_embd\.weight$/, "shared.weight"],
  [/^enc\.output_norm\./, "encoder.final_layer_norm."],
  [/^enc\.blk\.(\d+)\.attn_rel_b\./, "encoder.block.$1.layer.0.SelfAttention.relative_attention_bias."],
  [/^enc\.blk\.(\d+)\.attn_norm\./, "encoder.block.$1.layer.0.layer_norm."],
  [/^enc\.blk\.(\d+)\.attn_([qkvo])\./, "encoder.block.$1.layer.0.SelfAttention.$2."],
  [/^enc\.blk\.(\d+)\.ffn_norm\./, "encoder.block.$1.layer.1.layer_norm."],
  [/^enc\.blk\.(\d+)\.ffn_gate\./, "encoder.block.$1.layer.1.DenseReluDense.wi_0."],
  [/^enc\.blk\.(\d+)\.ffn_up\./, "encoder.block.$1.layer.1.DenseReluDense.wi_1."],
  [/^enc\.blk\.(\d+)\.ffn_down\./, "encoder.block.$1.layer.1.DenseReluDense.wo."],
];

/** What ComfyUI puts before the names of a text encoder inside a larger file. */
const comfyPrefix =
  /^(?:text_encoders\.|cond_stage_model\.)?(?:t5xxl\.)?(?:transformer\.)?(?=shared\.|encoder\.|decoder\.)/;

/** Of a whole T5, the half that only answers, and what quantisers keep beside the weights. */
const isOther = (name: string): boolean => /^(?:decoder|dec|lm_head|logit_scale|spiece_model)\b/.test(name);

/**
 * The tensors under the names of transformers' T5EncoderModel, without a decoder; `undefined` for another model.
 * Serves transformers, ComfyUI and llama.cpp (GGUF); a file with only one of the tied embeddings is whole.
 */
export function asTransformers(tensors: Tensors): Tensors | undefined {
  const renamed = new Map<string, TensorEntry>();
  for (const [name, entry] of tensors) {
    const bare = name.replace(comfyPrefix, "");
    if (isOther(bare)) continue;
    renamed.set(
      llamaNames.reduce((text, [from, to]) => text.replace(from, to), bare),
      entry,
    );
  }
  const alias = "encoder.embed_tokens.weight";
  const embedding = renamed.get("shared.weight") ?? renamed.get(alias);
  if (!embedding || !renamed.has("encoder.block.0.layer.0.SelfAttention.q.weight")) return undefined;
  renamed.set("shared.weight", embedding);
  renamed.delete(alias);
  return renamed;
}

/** The transformers `config.json` that the shapes of an encoder's tensors imply; the rest is what all T5 v1.1 have. */
export function configOf(tensors: Tensors): Record<string, unknown> {
  const shape = (name: string): readonly number[] => tensors.get(name)?.shape ?? [];
  const block = "encoder.block.0.layer.0.SelfAttention";
  const [vocabulary = 0, width = 0] = shape("shared.weight");
  const [buckets = 0, heads = 1] = shape(`${block}.relative_attention_bias.weight`);
  const layers = [...tensors.keys()].map((name) => Number(/^encoder\.block\.(\d+)\./.exec(name)?.[1] ?? -1));
  const config: T5Config = {
    layers: layers.reduce((most, layer) => Math.max(most, layer + 1), 0),
    width,
    heads,
    headWidth: (shape(`${block}.q.weight`)[0] ?? 0) / heads,
    inner: shape("encoder.block.0.layer.1.DenseReluDense.wi_0.weight")[0] ?? 0,
    vocabulary,
    buckets,
    maxDistance: 128,
    epsilon: 1e-6,
  };
  return toTransformers(config);
}
