/** Names of the published files (diffusers and the original agree) for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^convIn\./, "initial_conv."],
  [/^normIn\./, "initial_norm."],
  [/^before\./, "res_blocks."],
  [/^up\./, "upsampler.0."],
  [/^after\./, "post_upsample_res_blocks."],
  [/^convOut\./, "final_conv."],
];

/** `before.0.conv1.weight` to `res_blocks.0.conv1.weight`. */
export const publishedName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);
