/** Names of the diffusers layout for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^encoder\.blocks\.(\d+)\.resnets\./, "encoder.down_blocks.$1.resnets."],
  [/^encoder\.blocks\.(\d+)\.down\.conv\./, "encoder.down_blocks.$1.downsamplers.0.conv.conv."],
  [/^encoder\.blocks\.(\d+)\.down\.(weight|bias)/, "encoder.down_blocks.$1.downsamplers.0.conv.$2"],
  [/^encoder\.blocks\.(\d+)\.widen\./, "encoder.down_blocks.$1.conv_out."],
  [/^encoder\.middle\./, "encoder.mid_block.resnets."],
  [/^decoder\.middle\./, "decoder.mid_block."],
  [/^decoder\.blocks\.(\d+)\.narrow\./, "decoder.up_blocks.$1.conv_in."],
  [/^decoder\.blocks\.(\d+)\.up\.conv\./, "decoder.up_blocks.$1.upsamplers.0.conv.conv."],
  [/^decoder\.blocks\.(\d+)\.stage\./, "decoder.up_blocks.$1."],
  [/\.timeEmbedder\.in\./, ".time_embedder.timestep_embedder.linear_1."],
  [/\.timeEmbedder\.out\./, ".time_embedder.timestep_embedder.linear_2."],
  [/\.convIn\./, ".conv_in.conv."],
  [/\.convOut\./, ".conv_out.conv."],
  [/\.(conv1|conv2)\./, ".$1.conv."],
  [/\.shortcut\./, ".conv_shortcut.conv."],
  [/\.noise([12])$/, ".per_channel_scale$1"],
  [/\.table$/, ".scale_shift_table"],
];

/** `decoder.blocks.1.stage.resnets.0.conv1.weight` to `decoder.up_blocks.1.resnets.0.conv1.conv.weight`. */
export const diffusersName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);

/** Tensors of the diffusers layout that are data rather than weights. */
export const isStatistic = (name: string): boolean => /^latents_(mean|std)$|timestep_scale_multiplier$/.test(name);
