/** Names of the transformers layout for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^embedding$/, "shared.weight"],
  [/^relativeBias$/, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"],
  [/^blocks\.(\d+)\.attention\.query\./, "encoder.block.$1.layer.0.SelfAttention.q."],
  [/^blocks\.(\d+)\.attention\.key\./, "encoder.block.$1.layer.0.SelfAttention.k."],
  [/^blocks\.(\d+)\.attention\.value\./, "encoder.block.$1.layer.0.SelfAttention.v."],
  [/^blocks\.(\d+)\.attention\.out\./, "encoder.block.$1.layer.0.SelfAttention.o."],
  [/^blocks\.(\d+)\.attentionNorm\./, "encoder.block.$1.layer.0.layer_norm."],
  [/^blocks\.(\d+)\.feedForward\.gate\./, "encoder.block.$1.layer.1.DenseReluDense.wi_0."],
  [/^blocks\.(\d+)\.feedForward\.in\./, "encoder.block.$1.layer.1.DenseReluDense.wi_1."],
  [/^blocks\.(\d+)\.feedForward\.out\./, "encoder.block.$1.layer.1.DenseReluDense.wo."],
  [/^blocks\.(\d+)\.feedForwardNorm\./, "encoder.block.$1.layer.1.layer_norm."],
  [/^finalNorm\./, "encoder.final_layer_norm."],
];

/** `blocks.0.attention.query.weight` to `encoder.block.0.layer.0.SelfAttention.q.weight`. */
export const transformersName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);

/** The tied copy of the embedding that some files store as well. */
export const isAlias = (name: string): boolean => name === "encoder.embed_tokens.weight";
