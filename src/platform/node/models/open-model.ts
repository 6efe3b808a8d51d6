/** A pipeline folder (diffusers layout) as a text-to-video model. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import {
  assembleModel,
  hrModule,
  type Module,
  type ModuleName,
  moduleNames,
  type OpenedModel,
  parseSettings,
} from "../../../pipelines/assemble.ts";
import { ltxSettings, type Settings } from "../../../pipelines/model.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { openTokenizer } from "../files/open-tokenizer.ts";

/** Opens a folder with transformer, vae, text_encoder and tokenizer. Weights stay in their files. */
export async function openModel(folder: string): Promise<OpenedModel> {
  const settings = await readSettings(folder);
  const hasHr = await stat(join(folder, hrModule)).catch(() => undefined);
  const names = [...moduleNames, ...(hasHr ? [hrModule] : [])];
  const opened = await Promise.allSettled(names.map(async (name) => [name, await openModule(folder, name)] as const));
  const modules = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  try {
    for (const result of opened) if (result.status === "rejected") throw result.reason;
    return await assembleModel({
      settings,
      tokenizer: await openTokenizer(join(folder, "tokenizer")),
      modules: Object.fromEntries(modules) as Record<ModuleName, Module>,
    });
  } catch (cause) {
    await Promise.all(modules.map(([, { checkpoint }]) => checkpoint.close()));
    throw cause;
  }
}

async function openModule(folder: string, module: string): Promise<Module> {
  const path = join(folder, module);
  if (!(await stat(path).catch(() => undefined)))
    throw new CheckpointError(`this model lacks its ${module}`, {
      where: folder,
      hint: "a pipeline folder has transformer, vae, text_encoder and tokenizer",
    });
  const { config, checkpoint } = await openCheckpointPath(path);
  try {
    if (!config) throw new CheckpointError("no config.json beside the weights", { where: path });
    return { config, checkpoint, sha256: await hashFolder(path) };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

async function readSettings(folder: string): Promise<Settings> {
  const path = join(folder, "turbo2k.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text !== undefined) return parseSettings(text, path);
  if (await stat(folder).catch(() => undefined)) return ltxSettings;
  throw new CheckpointError("there is no such model", { where: folder, hint: "--model mini, or a folder" });
}

/** SHA-256 of a module's weight files, in the order of their names. */
export async function hashFolder(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).filter((entry) => /\.(safetensors|gguf)$/.test(entry)).sort())
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
