import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError, InputError } from "../../../base/errors.ts";
import { type Json, parseJsonObject } from "../../../base/published-settings.ts";
import { toDiffusers } from "../../../models/hunyuan/config.ts";
import * as hunyuan from "../../../models/hunyuan/original.ts";
import { asTransformers, configOf } from "../../../models/t5/layouts.ts";
import { type Checkpoint, openCheckpoint, openShardedCheckpoint } from "../../../weights/checkpoint.ts";
import { refusePickleName } from "../../../weights/file-kind.ts";
import { fileError, fileSource } from "./file-source.ts";
import { isThere } from "./is-there.ts";

/** The names under which diffusers and transformers save a module, in the order in which they are looked for. */
const weightFiles = [
  "diffusion_pytorch_model.safetensors",
  "diffusion_pytorch_model.safetensors.index.json",
  "model.safetensors",
  "model.safetensors.index.json",
];

export interface OpenedCheckpoint {
  /** The parsed config.json, or the config inside a single file's metadata; `undefined` where neither exists. */
  readonly config: Json | undefined;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens the weights of one module. `path` is a .safetensors or .gguf file, an index of shards, a module's folder, or a whole
 * diffusers folder, of which `module` names the part (`transformer`, `vae`, `text_encoder`).
 */
export async function openCheckpointPath(
  path: string,
  { module }: { module?: string } = {},
): Promise<OpenedCheckpoint> {
  if (!(await isFolder(path))) return openFile(path);
  const folder = await moduleFolder(path, module);
  const weights = await findWeights(folder);
  return openWith(weights, await readConfig(folder));
}

async function openFile(path: string): Promise<OpenedCheckpoint> {
  refusePickleName(path);
  const isModule = weightFiles.includes(basename(path));
  return openWith(path, isModule ? await readConfig(dirname(path)) : undefined);
}

async function openWith(path: string, config: Json | undefined): Promise<OpenedCheckpoint> {
  const checkpoint = path.endsWith(".index.json")
    ? await openShards(path)
    : await openCheckpoint(await fileSource(path));
  try {
    // Single files that hold a whole pipeline carry its config in their metadata.
    const inside = checkpoint.metadata["config"];
    const found =
      config ?? (inside?.startsWith("{") ? parseJsonObject(inside, `${path}: metadata "config"`) : undefined);
    return inPublishedNames({ config: found, checkpoint });
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** Other tools' names as those of the library that published the model, with the config that such files lack. */
function inPublishedNames({ config, checkpoint }: OpenedCheckpoint): OpenedCheckpoint {
  const t5 = asTransformers(checkpoint.tensors);
  if (t5) return { config: config ?? configOf(t5), checkpoint: { ...checkpoint, tensors: t5 } };
  const original = hunyuan.asDiffusers(checkpoint.tensors);
  if (!original) return { config, checkpoint };
  const own = config ?? toDiffusers(hunyuan.configOf(original));
  return { config: own, checkpoint: { ...checkpoint, tensors: original } };
}

async function openShards(path: string): Promise<Checkpoint> {
  const index = await fileSource(path);
  try {
    return await openShardedCheckpoint(index, async (file) => {
      const shard = join(dirname(path), file);
      return (await isThere(shard)) ? fileSource(shard) : undefined;
    });
  } finally {
    await index.close?.();
  }
}

/** The folder itself if it is a module's, else the module's folder in it. */
async function moduleFolder(folder: string, module: string | undefined): Promise<string> {
  if (!(await isThere(join(folder, "model_index.json")))) return folder;
  const parts = await partsOf(folder);
  const hint = `it has ${parts.join(", ") || "no folder with weights"}`;
  if (module === undefined)
    throw new InputError("this is a whole pipeline; which module is meant?", { where: folder, hint });
  if (!parts.includes(module))
    throw new CheckpointError(`no weights for ${JSON.stringify(module)}`, { where: folder, hint });
  return join(folder, module);
}

async function partsOf(folder: string): Promise<string[]> {
  const parts: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!(await isFolder(path).catch(() => false))) continue;
    if ((await readdir(path)).some((file) => /\.(safetensors|gguf|bin)(\.index\.json)?$/.test(file)))
      parts.push(entry.name);
  }
  return parts.sort();
}

/** The module's weights: the usual names first, else the only file with weights (a variant such as `.fp16.`, a GGUF). */
async function findWeights(folder: string): Promise<string> {
  const files = (await readdir(folder)).sort();
  const usual = weightFiles.find((name) => files.includes(name));
  if (usual) return join(folder, usual);
  const indexes = files.filter((file) => file.endsWith(".safetensors.index.json"));
  const single = files.filter((file) => /\.(safetensors|gguf)$/.test(file));
  const candidates = indexes.length > 0 ? indexes : single;
  if (candidates.length === 1) return join(folder, candidates[0]!);
  if (candidates.length > 1)
    throw new CheckpointError(`several files could be meant: ${candidates.join(", ")}`, {
      where: folder,
      hint: "give the path of one of them",
    });
  for (const file of files) if (/\.(bin|ckpt|pth?)$/.test(file)) refusePickleName(join(folder, file));
  throw new CheckpointError(`no weights: expected ${weightFiles[0]} or ${weightFiles[2]}`, {
    where: folder,
    hint: files.length > 0 ? `it has ${files.slice(0, 8).join(", ")}` : "the folder is empty",
  });
}

async function readConfig(folder: string): Promise<Json | undefined> {
  const path = join(folder, "config.json");
  if (!(await isThere(path))) return undefined;
  return parseJsonObject(await readFile(path, "utf8"), path);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw fileError(path, cause);
  }
}
