/** A text encoder that lies apart from its model: a folder or a file, with the tokenizer wherever people keep it. */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import type { Module } from "../../../pipelines/assemble.ts";
import { filesOf, openHash } from "../cache/file-hash.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { holdsTokenizer, tokenizerFiles } from "../files/open-tokenizer.ts";
import { cachedModel } from "../hub/find-model.ts";
import { modelId } from "../hub/model-id.ts";
import { openModule } from "./diffusers-folder.ts";

export interface FoundText {
  readonly module: Module;
  /** Folder of a tokenizer's files, or one file of them. */
  readonly tokenizer: string;
}

/**
 * `place` is a T5's file (.safetensors, .gguf, an index of shards), its folder, or a folder that has it as
 * `text_encoder`. `file` is the checkpoint that it is for.
 */
export async function findTextEncoder(place: string, file: string): Promise<FoundText> {
  const inner = join(place, "text_encoder");
  const encoder = (await isThere(inner)) ? inner : place;
  const isFile = (await stat(encoder).catch(() => undefined))?.isFile() ?? false;
  if (!isFile && !(await isThere(join(encoder, "config.json"))))
    throw new CheckpointError("this file has no text encoder", {
      where: file,
      hint: "T5 v1.1 XXL goes beside it (folders text_encoder and tokenizer), or name its file or folder with --text-encoder",
    });
  const tokenizer = await findTokenizer(encoder, isFile);
  return { module: isFile ? await openTextFile(encoder) : await openModule(encoder), tokenizer };
}

async function openTextFile(path: string): Promise<Module> {
  const { config, checkpoint } = await openCheckpointPath(path);
  try {
    if (!config) throw new CheckpointError("this file holds no T5 encoder", { where: path });
    return { config, checkpoint, hash: await openHash(filesOf(checkpoint)) };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

async function findTokenizer(encoder: string, isFile: boolean): Promise<string> {
  if (isFile && (await holdsTokenizer(encoder))) return encoder;
  const folder = isFile ? dirname(encoder) : encoder;
  const places = [join(folder, "tokenizer"), join(folder, "..", "tokenizer"), folder];
  // ComfyUI keeps the one tokenizer of all its T5s in its own code.
  if (/^(text_encoders|clip)$/.test(basename(folder)))
    places.push(join(folder, "..", "..", "comfy", "text_encoders", "t5_tokenizer"));
  const cached = await cachedModel(modelId("Lightricks/LTX-Video")).catch(() => undefined);
  if (cached) places.push(join(cached, "tokenizer"));
  for (const place of places) for (const name of tokenizerFiles) if (await isThere(join(place, name))) return place;
  throw new CheckpointError("no tokenizer beside the text encoder", {
    where: encoder,
    hint: `put ${tokenizerFiles.join(" or ")} beside it, or: turbo2k pull Lightricks/LTX-Video --include "tokenizer/*"`,
  });
}
