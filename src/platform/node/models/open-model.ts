/** A model on disk as a text-to-video model. Weights stay in their files. */
import { stat } from "node:fs/promises";
import { CheckpointError, InputError } from "../../../base/errors.ts";
import { assembleModel, type OpenedModel } from "../../../pipelines/assemble.ts";
import type { Compat } from "../../../schema/request.ts";
import { openTokenizer } from "../files/open-tokenizer.ts";
import { findInFolder } from "./diffusers-folder.ts";
import type { FoundModel } from "./found-model.ts";
import { findInFile, type SingleFileOptions } from "./single-file.ts";
import { findUpsampler } from "./upsampler.ts";

export interface OpenOptions extends SingleFileOptions {
  /** Whose defaults a published checkpoint gets where its makers' code and diffusers differ; its makers' by default. */
  readonly compat?: Compat | undefined;
  /** File or folder of a latent upsampler; by default the one in the model's folder, or beside its file. */
  readonly upsampler?: string | undefined;
}

/** Opens a folder in the diffusers layout, or an original file. */
export async function openModel(path: string, options: OpenOptions = {}): Promise<OpenedModel> {
  const { tokenizer, ...found } = await findModel(path, options);
  let { modules } = found;
  try {
    const latent_upsampler = await findUpsampler(path, options.upsampler);
    if (latent_upsampler) modules = { ...modules, latent_upsampler };
    return await assembleModel({
      ...found,
      modules,
      tokenizer: await openTokenizer(tokenizer),
      compat: options.compat,
    });
  } catch (cause) {
    await Promise.all(Object.values(modules).map(({ checkpoint }) => checkpoint.close()));
    throw cause;
  }
}

/** Where the parts of a model lie. @throws InputError where a part is named that the model would not take */
export async function findModel(path: string, options: OpenOptions = {}): Promise<FoundModel> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new CheckpointError("there is no such model", { where: path, hint: "--model mini, or a folder" });
  if (!found.isDirectory()) return findInFile(path, options);
  refuseParts(path, options);
  return findInFolder(path);
}

/** @throws InputError for parts that are named beside a folder, which has its own */
export function refuseParts(path: string, options: Pick<OpenOptions, "textEncoder" | "vae">): void {
  const [flag] = (["textEncoder", "vae"] as const).filter((part) => options[part] !== undefined);
  if (flag)
    throw new InputError("a model's folder has its own text encoder and autoencoder", {
      where: path,
      hint: `leave out --${flag === "vae" ? "vae" : "text-encoder"}; it is for checkpoints of one file`,
    });
}
