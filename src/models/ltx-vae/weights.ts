import type { LtxVaeConfig } from "./config.ts";

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

/** Tensors that are data rather than weights, in either layout. */
export const isStatistic = (name: string): boolean =>
  /^latents_(mean|std)$|^per_channel_statistics\.|timestep_scale_multiplier$/.test(name);

/** What the original layout calls otherwise than diffusers, besides the numbers of blocks. */
const originalRenames: readonly (readonly [RegExp, string])[] = [
  [/\.resnets\./, ".res_blocks."],
  [/\.conv_shortcut\.conv\./, ".conv_shortcut."],
  [/\.norm3\./, ".norm3.norm."],
  [/^decoder\.time_embedder\./, "decoder.last_time_embedder."],
  [/^decoder\.scale_shift_table$/, "decoder.last_scale_shift_table"],
  [/^latents_mean$/, "per_channel_statistics.mean-of-means"],
  [/^latents_std$/, "per_channel_statistics.std-of-means"],
];

/**
 * From the diffusers layout to the original one, which numbers the resnets, samplers and width changes of a half
 * through in running order: `decoder.up_blocks.1.upsamplers.0.conv.conv.weight` to `decoder.up_blocks.3.conv.conv.weight`.
 */
export function originalNames({ encoder, decoder }: LtxVaeConfig): (name: string) => string {
  const places: (readonly [from: string, to: string])[] = [];
  let down = 0;
  for (const [i, scaling] of encoder.down.entries()) {
    const block = `encoder.down_blocks.${i}.`;
    const widens =
      encoder.downsampler === "conv" && encoder.channels[i] !== (encoder.channels[i + 1] ?? encoder.channels[i]);
    const pieces = ["resnets.", ...(scaling === "none" ? [] : ["downsamplers.0."]), ...(widens ? ["conv_out."] : [])];
    for (const piece of pieces)
      places.push([`${block}${piece}`, `encoder.down_blocks.${down++}.${piece === "resnets." ? piece : ""}`]);
  }
  places.push(["encoder.mid_block.", `encoder.down_blocks.${down}.`], ["decoder.mid_block.", "decoder.up_blocks.0."]);
  let up = 1;
  const channels = decoder.channels.toReversed();
  const doubles = decoder.up.toReversed();
  const factors = decoder.factor.toReversed();
  for (const [i, own] of channels.entries()) {
    const block = `decoder.up_blocks.${i}.`;
    const before = i === 0 ? own : channels[i - 1]! / factors[i - 1]!;
    const pieces = [...(before === own ? [] : ["conv_in."]), ...(doubles[i] ? ["upsamplers.0."] : []), ""];
    for (const piece of pieces) places.push([`${block}${piece}`, `decoder.up_blocks.${up++}.`]);
  }
  return (name) => {
    const place = places.find(([from]) => name.startsWith(from));
    const moved = place ? place[1] + name.slice(place[0].length) : name;
    return originalRenames.reduce((text, [from, to]) => text.replace(from, to), moved);
  };
}
