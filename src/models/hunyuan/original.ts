/**
 * The layout of Tencent's own files: fused projections, and shift before scale in the head. Each tensor of the
 * diffusers layout is a range of rows of one of theirs, or two of them swapped; nothing is read or copied here.
 */
import type { TensorEntry } from "../../weights/safetensors.ts";
import type { ByteSource } from "../../weights/source.ts";
import { type HunyuanConfig, hunyuanVideo } from "./config.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/** A name of theirs to ours; those that hold several tensors are taken apart first. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^img_in\./, "x_embedder."],
  [/^(time|guidance)_in\.mlp\./, "time_text_embed.$1.mlp."],
  [/^time_text_embed\.time\./, "time_text_embed.timestep_embedder."],
  [/^time_text_embed\.guidance\./, "time_text_embed.guidance_embedder."],
  [/^vector_in\./, "time_text_embed.text_embedder."],
  [/^txt_in\.input_embedder\./, "context_embedder.proj_in."],
  [/^txt_in\.t_embedder\./, "context_embedder.time_text_embed.timestep_embedder."],
  [/^txt_in\.c_embedder\./, "context_embedder.time_text_embed.text_embedder."],
  [/_embedder\.mlp\.0\./, "_embedder.linear_1."],
  [/_embedder\.mlp\.2\./, "_embedder.linear_2."],
  [/_embedder\.in_layer\./, "_embedder.linear_1."],
  [/_embedder\.out_layer\./, "_embedder.linear_2."],
  [/^txt_in\.individual_token_refiner\.blocks\./, "context_embedder.token_refiner.refiner_blocks."],
  [/\.self_attn_proj\./, ".attn.to_out.0."],
  [/(refiner_blocks\.\d+)\.adaLN_modulation\.1\./, "$1.norm_out.linear."],
  [/(refiner_blocks\.\d+)\.mlp\./, "$1.ff."],
  [/^double_blocks\./, "transformer_blocks."],
  [/\.img_mod\.linear\./, ".norm1.linear."],
  [/\.txt_mod\.linear\./, ".norm1_context.linear."],
  [/\.img_attn_([qk])_norm\./, ".attn.norm_$1."],
  [/\.txt_attn_([qk])_norm\./, ".attn.norm_added_$1."],
  [/\.img_attn_proj\./, ".attn.to_out.0."],
  [/\.txt_attn_proj\./, ".attn.to_add_out."],
  [/\.img_mlp\./, ".ff."],
  [/\.txt_mlp\./, ".ff_context."],
  [/\.fc1\./, ".net.0.proj."],
  [/\.fc2\./, ".net.2."],
  [/^single_blocks\./, "single_transformer_blocks."],
  [/\.modulation\.linear\./, ".norm.linear."],
  [/(single_transformer_blocks\.\d+)\.([qk])_norm\./, "$1.attn.norm_$2."],
  [/(single_transformer_blocks\.\d+)\.linear2\./, "$1.proj_out."],
  [/^final_layer\.adaLN_modulation\.1\./, "norm_out.linear."],
  [/^final_layer\.linear\./, "proj_out."],
];

/** Tensors that hold several: what stands in for their own name, in the order of their rows. */
const fused: readonly (readonly [RegExp, readonly string[]])[] = [
  [/img_attn_qkv/, ["attn.to_q", "attn.to_k", "attn.to_v"]],
  [/txt_attn_qkv/, ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"]],
  [/self_attn_qkv/, ["attn.to_q", "attn.to_k", "attn.to_v"]],
  [/(?<=single_blocks\.\d+\.)linear1/, ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"]],
];

const rename = (name: string): string => renames.reduce((text, [from, to]) => text.replace(from, to), name);

/** What stands at the end of one name of every original file, whatever precedes it (`module.`, `model.model.`, nothing). */
const mark = "img_in.proj.weight";

/** The tensors of an original file under the names of the diffusers layout; `undefined` for another model or layout. */
export function asDiffusers(tensors: Tensors): Tensors | undefined {
  const prefix = [...tensors.keys()].find((name) => name.endsWith(mark))?.slice(0, -mark.length);
  if (prefix === undefined || !tensors.has(`${prefix}double_blocks.0.img_attn_qkv.weight`)) return undefined;
  const width = tensors.get(prefix + mark)!.shape[0]!;
  const out = new Map<string, TensorEntry>();
  for (const [full, entry] of tensors) {
    const name = full.startsWith(prefix) ? full.slice(prefix.length) : full;
    for (const [part, piece] of piecesOf(name, entry, width)) out.set(rename(part), { ...piece, name: full });
  }
  return out;
}

/** The settings of a file without any, from the shapes (diffusers names). A head's channels are shared out as published. */
export function configOf(tensors: Tensors): HunyuanConfig {
  const shape = (name: string) => tensors.get(`${name}.weight`)?.shape ?? [];
  const count = (pattern: RegExp) => new Set([...tensors.keys()].flatMap((name) => pattern.exec(name)?.[1] ?? [])).size;
  const [width, channels, ...patch] = shape("x_embedder.proj") as [number, number, number, number, number];
  const headWidth = shape("transformer_blocks.0.attn.norm_q")[0]!;
  const share = headWidth / hunyuanVideo.headWidth;
  return {
    ...hunyuanVideo,
    doubleBlocks: count(/^transformer_blocks\.(\d+)/),
    singleBlocks: count(/^single_transformer_blocks\.(\d+)/),
    refinerBlocks: count(/refiner_blocks\.(\d+)/),
    heads: width / headWidth,
    headWidth,
    channels,
    outChannels: shape("proj_out")[0]! / (patch[0] * patch[1] * patch[2]),
    patch,
    mlpRatio: shape("transformer_blocks.0.ff.net.0.proj")[0]! / width,
    textWidth: shape("context_embedder.proj_in")[1]!,
    pooledWidth: shape("time_text_embed.text_embedder.linear_1")[1]!,
    guidance: tensors.has("time_text_embed.guidance_embedder.linear_1.weight"),
    ropeAxes: hunyuanVideo.ropeAxes.map((axis) => axis * share) as [number, number, number],
  };
}

function piecesOf(name: string, entry: TensorEntry, width: number): (readonly [string, TensorEntry])[] {
  if (name.startsWith("final_layer.adaLN_modulation.1."))
    return [[name, joined(rows(entry, width, 2 * width), rows(entry, 0, width), entry.shape)]];
  const found = fused.find(([pattern]) => pattern.test(name));
  if (!found) return [[name, entry]];
  const [pattern, parts] = found;
  // Queries, keys and values have the model's width; what is left of linear1 is the feed-forward's inner one.
  return parts.map((part, i) => {
    const end = i === 3 ? entry.shape[0]! : (i + 1) * width;
    return [name.replace(pattern, part), rows(entry, i * width, end)] as const;
  });
}

/** Rows [from, to) of a tensor: a byte range within its own. */
function rows(entry: TensorEntry, from: number, to: number): TensorEntry {
  const [count, ...rest] = entry.shape as [number, ...number[]];
  const each = (entry.end - entry.start) / count;
  return { ...entry, shape: [to - from, ...rest], start: entry.start + from * each, end: entry.start + to * each };
}

/** Two tensors of one file, one after the other. */
function joined(a: TensorEntry, b: TensorEntry, shape: readonly number[]): TensorEntry {
  const size = a.end - a.start + (b.end - b.start);
  const source: ByteSource = {
    name: a.source.name,
    size,
    async slice(start, end) {
      const bytes = new Uint8Array(size);
      bytes.set(await a.source.slice(a.start, a.end));
      bytes.set(await b.source.slice(b.start, b.end), a.end - a.start);
      return bytes.slice(start, end);
    },
  };
  return { ...a, shape, source, start: 0, end: size };
}
