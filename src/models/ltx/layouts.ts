/** The original layout of the transformer, turned into that of diffusers. */
import type { TensorEntry } from "../../weights/safetensors.ts";
import { ltx2b, toDiffusers } from "./config.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/** What stands before its names in files that hold the autoencoder as well. */
const prefix = "model.diffusion_model.";

const renames: readonly (readonly [RegExp, string])[] = [
  [/^patchify_proj\./, "proj_in."],
  [/^adaln_single\./, "time_embed."],
  [/\.q_norm\./, ".norm_q."],
  [/\.k_norm\./, ".norm_k."],
];

/** The original name of what diffusers calls `name`. */
export const originalName = (name: string): string =>
  name
    .replace(/^proj_in(?=\.|$)/, "patchify_proj")
    .replace(/^time_embed\./, "adaln_single.")
    .replace(/\.norm_([qk])(?=\.|$)/, ".$1_norm");

/** The transformer's tensors under the names of diffusers; `undefined` where the file holds none. */
export function asDiffusers(tensors: Tensors): Tensors | undefined {
  const inside = tensors.has(`${prefix}patchify_proj.weight`);
  if (!inside && !tensors.has("patchify_proj.weight")) return undefined;
  const renamed = new Map<string, TensorEntry>();
  for (const [name, entry] of tensors) {
    if (inside ? !name.startsWith(prefix) : name.startsWith("vae.")) continue;
    const bare = inside ? name.slice(prefix.length) : name;
    renamed.set(
      renames.reduce((text, [from, to]) => text.replace(from, to), bare),
      entry,
    );
  }
  return renamed;
}

/**
 * The diffusers `config.json` that shapes imply, for files without settings. Heads leave no trace in them: the 32 of
 * all published models are taken for granted.
 */
export function configOf(tensors: Tensors): Record<string, unknown> {
  const shape = (name: string): readonly number[] => tensors.get(name)?.shape ?? [];
  const blocks = [...tensors.keys()].map((name) => Number(/^transformer_blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  const [width = 0, channels = 0] = shape("proj_in.weight");
  return toDiffusers({
    ...ltx2b,
    layers: blocks.reduce((most, index) => Math.max(most, index + 1), 0),
    headWidth: width / ltx2b.heads,
    channels,
    outChannels: shape("proj_out.weight")[0] ?? 0,
    captionChannels: shape("caption_projection.linear_1.weight")[1] ?? 0,
  });
}
