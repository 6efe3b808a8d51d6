/** The parts of a model where they were found, whatever the layout. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Json, parseJsonObject } from "../../../base/published-settings.ts";
import { type ModelParts, parseSettings } from "../../../pipelines/assemble.ts";
import type { Settings } from "../../../pipelines/model.ts";
import type { Evidence } from "../../../pipelines/recognise.ts";

export interface FoundModel extends Omit<FoundBody, "modules"> {
  readonly modules: ModelParts["modules"];
  /** Folder of the tokenizer's files, or one file of them. */
  readonly tokenizer: string;
}

/** What there is without the text encoder. */
export interface FoundBody {
  readonly modules: Pick<ModelParts["modules"], "transformer" | "vae">;
  /** What files say of the version besides their tensors and settings. */
  readonly evidence: Pick<Evidence, "names" | "allowedSigmas" | "schedule" | "era">;
  /** Of a turbo2k.json, which has the last word. */
  readonly settings: Settings | undefined;
}

export async function readSettings(folder: string): Promise<Settings | undefined> {
  const path = join(folder, "turbo2k.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseSettings(text, path);
}

/** A JSON object, or undefined where there is no such file. */
export async function readJson(path: string): Promise<Json | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseJsonObject(text, path);
}
