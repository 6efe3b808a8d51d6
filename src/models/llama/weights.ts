/** Names of the transformers layout for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^embedding$/, "embed_tokens.weight"],
  [/^blocks\./, "layers."],
  [/\.attention\.query\./, ".self_attn.q_proj."],
  [/\.attention\.key\./, ".self_attn.k_proj."],
  [/\.attention\.value\./, ".self_attn.v_proj."],
  [/\.attention\.out\./, ".self_attn.o_proj."],
  [/\.attentionNorm\./, ".input_layernorm."],
  [/\.feedForward\.gate\./, ".mlp.gate_proj."],
  [/\.feedForward\.in\./, ".mlp.up_proj."],
  [/\.feedForward\.out\./, ".mlp.down_proj."],
  [/\.feedForwardNorm\./, ".post_attention_layernorm."],
  [/^finalNorm\./, "norm."],
];

/** `blocks.0.attention.query.weight` to `layers.0.self_attn.q_proj.weight`. */
export const transformersName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);

/** The name in LlamaModel for one in a model around it: a language model's head, a LLaVA. */
export const bareName = (name: string): string => name.replace(/^((language_model|model)\.)+/, "");

/** What a text encoder has no use for: the head, tables that follow from the settings, the eyes of a LLaVA. */
export const isForeign = (name: string): boolean =>
  /(^|\.)lm_head\.|rotary_emb\.inv_freq$|^(model\.)?(vision_tower|multi_modal_projector)\./.test(name);
