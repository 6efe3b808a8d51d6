/** A pipeline's folder in the diffusers layout: transformer, vae, text_encoder, tokenizer, scheduler. */
import { dirname, join, resolve, sep } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import { type Json, PublishedSettings } from "../../../base/published-settings.ts";
import { hrModule, type Module, type ModuleName, moduleNames } from "../../../pipelines/assemble.ts";
import type { Settings } from "../../../pipelines/model.ts";
import { type Evidence, eraNamed } from "../../../pipelines/recognise.ts";
import { filesOf, openHash } from "../cache/file-hash.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { type FoundBody, type FoundModel, readJson, readSettings } from "./found-model.ts";

export async function findInFolder(folder: string): Promise<FoundModel> {
  const names = [...moduleNames, ...((await isThere(join(folder, hrModule))) ? [hrModule] : [])];
  return { ...(await openModules(folder, names)), tokenizer: join(folder, "tokenizer") };
}

export const findBodyInFolder = (folder: string): Promise<FoundBody> => openModules(folder, ["transformer", "vae"]);

async function openModules(folder: string, names: readonly string[]): Promise<Omit<FoundModel, "tokenizer">> {
  const [settings, evidence] = [await readSettings(folder), await evidenceOf(folder)];
  const opened = await Promise.allSettled(
    names.map(async (name) => [name, await openModule(join(folder, name))] as const),
  );
  const modules = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const result of opened) {
    if (result.status === "fulfilled") continue;
    await Promise.all(modules.map(([, { checkpoint }]) => checkpoint.close()));
    throw result.reason;
  }
  return { modules: Object.fromEntries(modules) as Record<ModuleName, Module>, evidence, settings };
}

/** One module's folder: a config.json and weights. */
export async function openModule(path: string): Promise<Module> {
  if (!(await isThere(path)))
    throw new CheckpointError(`this model lacks its ${path.split(sep).at(-1)}`, {
      where: dirname(path),
      hint: "a pipeline folder has transformer, vae, text_encoder and tokenizer",
    });
  const { config, checkpoint } = await openCheckpointPath(path);
  try {
    if (!config) throw new CheckpointError("no config.json beside the weights", { where: path });
    return { config, checkpoint, hash: await openHash(filesOf(checkpoint)) };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

/** What a folder says of the version besides its modules. */
export async function evidenceOf(folder: string): Promise<FoundModel["evidence"]> {
  // The hub's cache keeps a repository's name two folders above the files.
  const names = resolve(folder).split(sep).slice(-4);
  const scheduler = await readJson(join(folder, "scheduler", "scheduler_config.json"));
  const index = await readJson(join(folder, "model_index.json"));
  const schedule = scheduleOf(scheduler);
  const era = eraOf(names, scheduler, index);
  return { names, ...(schedule ? { schedule } : {}), ...(era ? { era } : {}) };
}

/** What FlowMatchEulerDiscreteScheduler would do; undefined where the pipeline sets noise levels itself. */
function scheduleOf(scheduler: Json | undefined): Settings["schedule"] | undefined {
  const own = new PublishedSettings("the scheduler's settings", scheduler ?? {});
  if (!own.flag("use_dynamic_shifting", false)) return undefined;
  return { kind: "dynamic-shift", base: "even", clamp: false, terminal: own.level("shift_terminal") };
}

function eraOf(names: readonly string[], scheduler: Json | undefined, index: Json | undefined): Evidence["era"] {
  const named = eraNamed(names, "folder");
  if (named) return named;
  if (index?.["_class_name"] === "LTXConditionPipeline")
    return { late: true, because: "the pipeline is LTXConditionPipeline" };
  const shifting = scheduler?.["use_dynamic_shifting"];
  if (typeof shifting !== "boolean") return undefined;
  return { late: !shifting, because: `the scheduler ${shifting ? "shifts" : "does not shift"} noise levels by size` };
}
