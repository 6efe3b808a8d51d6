/** Plans of recipes that make a model from nothing: an autoencoder, a text-to-video model, a teacher. */
import { basename, dirname, join, resolve } from "node:path";
import type { ClipSource } from "../../../data/clip-source.ts";
import { vocabulary } from "../../../data/world/captions.ts";
import { hunyuanVideoVae } from "../../../models/hunyuan-vae/config.ts";
import { compression, fromDiffusers, type LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import { type CodecModel, codecOf, hunyuanCodec, pcaCodec } from "../../../pipelines/codec.ts";
import { latentGrid } from "../../../pipelines/hunyuan.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import { FlowTask } from "../../../training/flow-task.ts";
import type { PlannedRun } from "../../../training/plan.ts";
import type { FlowRecipe, TeacherRecipe, VaeRecipe } from "../../../training/recipe.ts";
import { TeacherTask } from "../../../training/teacher-task.ts";
import { VaeTask } from "../../../training/vae-task.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { clipsOf, codecRun, encodeLtx, type PlanOptions, sized, unread } from "./plan-parts.ts";
import { picturesOf } from "./recipe-sets.ts";
import { readRecipe } from "./run.ts";

const nothingBeside = () => [];

/** Crops are cut from clips as they are rendered or read; nothing is prepared. */
export function planVae(recipe: VaeRecipe): PlannedRun {
  const noClips: ClipSource = {
    id: "",
    count: unread,
    pixels: unread,
    parts: unread,
    smaller: unread,
    crop: unread,
    caption: unread,
    sibling: unread,
    split: unread,
  };
  return { task: new VaeTask(recipe, noClips), optimiser: recipe.optimiser, preparation: [], beside: nothingBeside };
}

export async function planFlow(recipe: FlowRecipe, options: PlanOptions): Promise<PlannedRun> {
  const config = await vaeAt(recipe.vae, options);
  const pictures = picturesOf(recipe);
  const task = new FlowTask(recipe, {
    tokenizer: tokenizerOf(recipe, options),
    channels: config.latentChannels,
    compression: compression(config),
    sets: new Map([...pictures].map(([key, picture]) => [key, sized(gridOf(picture, config))])),
  });
  const preparation = [...pictures].map(([key, picture]) => ({
    name: `latents ${key}`,
    program: encodeLtx(config, picture, options.keeps),
    runs: clipsOf(recipe, key),
  }));
  return { task, optimiser: recipe.optimiser, preparation, beside: nothingBeside };
}

/** The fit of a linear autoencoder, seconds on the host, is not counted. */
export async function planTeacher(recipe: TeacherRecipe, options: PlanOptions): Promise<PlannedRun> {
  const codec = typeof recipe.codec === "string" ? await codecAt(recipe.codec, options) : pcaCodec(recipe.codec);
  const pictures = picturesOf(recipe);
  const task = new TeacherTask(recipe, {
    tokenizer: tokenizerOf(recipe, options),
    channels: codec.channels,
    sets: new Map([...pictures].map(([key, picture]) => [key, sized(latentGrid(picture, codec))])),
  });
  const preparation = [...pictures].map(([key, picture]) => {
    const { program, runs } = codecRun(codec, picture, options.keeps);
    return { name: `latents ${key}`, program, runs: runs * clipsOf(recipe, key) };
  });
  return { task, optimiser: recipe.optimiser, preparation, beside: nothingBeside };
}

/** Captions of a folder would have to be read for their words. */
function tokenizerOf({ folder }: FlowRecipe | TeacherRecipe, { note }: PlanOptions): TextTokenizer {
  const words = vocabulary();
  if (folder) note(`captions are not read: planned for the ${words.length} words of the world`);
  return new TextTokenizer(buildWordTokenizer(words));
}

const configIn = async (folder: string): Promise<Record<string, unknown>> => {
  const { config, checkpoint } = await openCheckpointPath(folder);
  await checkpoint.close();
  return (config ?? {}) as Record<string, unknown>;
};

/** A trained autoencoder; else the one that the recipe beside this one, of the run's name, will make. */
async function vaeAt(path: string, { base, note }: PlanOptions): Promise<LtxVaeConfig> {
  const folder = resolve(base, path);
  if (await isThere(folder)) return fromDiffusers(await configIn(folder));
  const maker = join(base, `${basename(dirname(folder))}.yaml`);
  if (await isThere(maker)) {
    const made = await readRecipe(maker);
    if (made.kind === "vae") {
      note(`${path} is not there: planned for what ${basename(maker)} makes`);
      return made.model;
    }
  }
  note(`${path} is not there: planned for LTX-Video's autoencoder`);
  return fromDiffusers({});
}

async function codecAt(path: string, { base, note }: PlanOptions): Promise<CodecModel> {
  const folder = resolve(base, path);
  if (await isThere(folder)) return codecOf(await configIn(folder));
  note(`${path} is not there: planned for HunyuanVideo's autoencoder`);
  return hunyuanCodec(hunyuanVideoVae);
}
