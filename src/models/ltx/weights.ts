/** Names of the diffusers layout for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^blocks\./, "transformer_blocks."],
  [/\.selfAttention\./, ".attn1."],
  [/\.textAttention\./, ".attn2."],
  [/\.query\./, ".to_q."],
  [/\.key\./, ".to_k."],
  [/\.value\./, ".to_v."],
  [/\.queryNorm\./, ".norm_q."],
  [/\.keyNorm\./, ".norm_k."],
  [/(attn\d)\.out\./, "$1.to_out.0."],
  [/\.feedForward\.in\./, ".ff.net.0.proj."],
  [/\.feedForward\.out\./, ".ff.net.2."],
  [/^projectIn\./, "proj_in."],
  [/^projectOut\./, "proj_out."],
  [/^timeEmbedding\.embedder\.in\./, "time_embed.emb.timestep_embedder.linear_1."],
  [/^timeEmbedding\.embedder\.out\./, "time_embed.emb.timestep_embedder.linear_2."],
  [/^timeEmbedding\.modulation\./, "time_embed.linear."],
  [/^captionProjection\.in\./, "caption_projection.linear_1."],
  [/^captionProjection\.out\./, "caption_projection.linear_2."],
  [/(^|\.)table$/, "$1scale_shift_table"],
];

/** `blocks.0.selfAttention.query.weight` to `transformer_blocks.0.attn1.to_q.weight`. */
export const diffusersName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);
