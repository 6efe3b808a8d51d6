/** Names of the diffusers layout (and of the original, which is the same) for our own field paths. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^encoder\.quantise\./, "quant_conv."],
  [/^decoder\.quantise\./, "post_quant_conv."],
  [/^encoder\.blocks\.(\d+)\./, "encoder.down_blocks.$1."],
  [/^decoder\.blocks\.(\d+)\./, "decoder.up_blocks.$1."],
  [/\.middle\.first\./, ".mid_block.resnets.0."],
  [/\.middle\.second\./, ".mid_block.resnets.1."],
  [/\.middle\.attention\.norm\./, ".mid_block.attentions.0.group_norm."],
  [/\.middle\.attention\.query\./, ".mid_block.attentions.0.to_q."],
  [/\.middle\.attention\.key\./, ".mid_block.attentions.0.to_k."],
  [/\.middle\.attention\.value\./, ".mid_block.attentions.0.to_v."],
  [/\.middle\.attention\.out\./, ".mid_block.attentions.0.to_out.0."],
  [/\.down\./, ".downsamplers.0.conv.conv."],
  [/\.up\.conv\./, ".upsamplers.0.conv.conv."],
  [/\.(conv1|conv2)\./, ".$1.conv."],
  [/\.shortcut\./, ".conv_shortcut.conv."],
  [/\.convIn\./, ".conv_in.conv."],
  [/\.convOut\./, ".conv_out.conv."],
  [/\.normOut\./, ".conv_norm_out."],
];

/** `decoder.middle.first.conv1.weight` to `decoder.mid_block.resnets.0.conv1.conv.weight`. */
export const diffusersName = (path: string): string =>
  renames.reduce((name, [from, to]) => name.replace(from, to), path);
