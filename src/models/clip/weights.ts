/** Names of the transformers layout for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^embedding$/, "embeddings.token_embedding.weight"],
  [/^positions$/, "embeddings.position_embedding.weight"],
  [/^blocks\./, "encoder.layers."],
  [/\.attention\.query\./, ".self_attn.q_proj."],
  [/\.attention\.key\./, ".self_attn.k_proj."],
  [/\.attention\.value\./, ".self_attn.v_proj."],
  [/\.attention\.out\./, ".self_attn.out_proj."],
  [/\.attentionNorm\./, ".layer_norm1."],
  [/\.feedForwardNorm\./, ".layer_norm2."],
  [/(layers\.\d+)\.in\./, "$1.mlp.fc1."],
  [/(layers\.\d+)\.out\./, "$1.mlp.fc2."],
  [/^finalNorm\./, "final_layer_norm."],
];

/** `blocks.0.attention.query.weight` to `encoder.layers.0.self_attn.q_proj.weight`; files put `text_model.` before it. */
export const transformersName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);

/** The name inside the text tower. */
export const bareName = (name: string): string => name.replace(/^text_model\./, "");

/** What a file may hold besides the text tower. */
export const isForeign = (name: string): boolean =>
  /position_ids$|^vision_model\.|^(text|visual)_projection\.|^logit_scale$/.test(name);
