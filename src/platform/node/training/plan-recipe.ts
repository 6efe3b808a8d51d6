/** A recipe's programs without its weights and its data, for planning. Models that are not there yet are taken as published. */
import { dirname, resolve } from "node:path";
import { clipL } from "../../../models/clip/config.ts";
import { hunyuanVideo, widthOf } from "../../../models/hunyuan/config.ts";
import { hunyuanVideoVae } from "../../../models/hunyuan-vae/config.ts";
import { llama3 } from "../../../models/llama/config.ts";
import { ltx2b } from "../../../models/ltx/config.ts";
import type { Crop } from "../../../models/ltx/resize.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { proportionalTaps } from "../../../models/ltx/two-stage-config.ts";
import { compression, fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { t5xxl } from "../../../models/t5/encoder.ts";
import { type CodecModel, hunyuanCodec } from "../../../pipelines/codec.ts";
import { encodeTiles, withMargin } from "../../../pipelines/encode.ts";
import { featureProgram, type HunyuanModel, latentGrid } from "../../../pipelines/hunyuan.ts";
import { hunyuanTemplate, promptProgram } from "../../../pipelines/hunyuan-text.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import { ltxReleases } from "../../../pipelines/ltx-releases.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { DistillTask } from "../../../training/distill-task.ts";
import { teacherPlaces } from "../../../training/distill-teacher.ts";
import { type DraftModel, draftProgram } from "../../../training/hr-draft.ts";
import { bucketKey, type HrBucket, type HrSet, HrTask } from "../../../training/hr-task.ts";
import type { FrozenRun, PlannedRun } from "../../../training/plan.ts";
import { clipRate, type DistillRecipe, type HrRecipe } from "../../../training/recipe.ts";
import type { TuneRecipe } from "../../../training/recipe-tune.ts";
import { pictureKey } from "../../../training/stages.ts";
import { TuneTask } from "../../../training/tune-task.ts";
import { heldOut, validationBucketOf, validationLevels } from "../../../training/validation.ts";
import { isThere } from "../files/is-there.ts";
import { openModel } from "../models/open-model.ts";
import { openTeacher } from "../models/teacher-folder.ts";
import { planFlow, planTeacher, planVae } from "./plan-new.ts";
import { clipsOf, codecRun, encodeLtx, noValues, type PlanOptions, sized, unread } from "./plan-parts.ts";
import { picturesOf } from "./recipe-sets.ts";
import { readRecipe } from "./run.ts";

/** A model as far as programs need it. */
type Student = Omit<DraftModel, "compression"> & {
  readonly vae: Pick<TextToVideoModel["vae"], "config">;
} & Pick<TextToVideoModel, "tokenizer">;

/** As the training of a second stage knows it. */
const drafter = (model: Student) => ({ ...model, compression: compression(model.vae.config) });
interface Teacher extends Pick<HunyuanModel, "settings"> {
  readonly transformer: Pick<HunyuanModel["transformer"], "config">;
  readonly text: Parameters<typeof promptProgram>[0] | undefined;
  readonly codec: CodecModel;
}

/** What would run. @throws InputError for a faulty recipe */
export async function planRecipe(
  path: string,
  { keeps, note }: Pick<PlanOptions, "keeps" | "note">,
): Promise<PlannedRun> {
  const recipe = await readRecipe(path);
  const options = { base: dirname(resolve(path)), keeps, note };
  switch (recipe.kind) {
    case "vae":
      return planVae(recipe);
    case "text-to-video":
      return planFlow(recipe, options);
    case "teacher":
      return planTeacher(recipe, options);
    case "distill":
      return planDistill(recipe, options);
    case "high-resolution":
      return planHr(recipe, options);
    case "fine-tune":
      return planTune(recipe, options);
  }
}

const published = { name: "LTX-Video 2B", ...ltxReleases[0]!.settings.original };

async function studentAt(path: string, { base, note }: PlanOptions): Promise<Student> {
  const folder = resolve(base, path);
  if (await isThere(folder)) {
    const model = await openModel(folder);
    await model.close();
    return model;
  }
  note(`${path} is not there: planned for LTX-Video 2B with T5-XXL`);
  return {
    settings: published,
    text: { config: t5xxl },
    transformer: { config: ltx2b },
    vae: { config: fromDiffusers({}) },
    tokenizer: undefined as never, // only batches are worded
  };
}

async function teacherAt(path: string, { base, note }: PlanOptions): Promise<Teacher> {
  const folder = resolve(base, path);
  if (await isThere(folder)) {
    const model = await openTeacher(folder);
    await model.close();
    return model;
  }
  note(`${path} is not there: planned for HunyuanVideo`);
  return {
    settings: { ...published, name: "HunyuanVideo", textLength: 256, promptTemplate: hunyuanTemplate },
    text: { language: { config: llama3 }, clip: { config: clipL } },
    transformer: { config: hunyuanVideo },
    codec: hunyuanCodec(hunyuanVideoVae),
  };
}

async function planDistill(recipe: DistillRecipe, options: PlanOptions): Promise<PlannedRun> {
  const { keeps } = options;
  const student = await studentAt(recipe.student, options);
  const teacher = recipe.strategy === "data-only" ? undefined : await teacherAt(recipe.teacher, options);
  const pictures = picturesOf(recipe);
  const sets = new Map([...pictures].map(([key, picture]) => [key, sized(gridOf(picture, student.vae.config))]));
  const shapeOf = (key: string, batch: number) => {
    const words = teacher!.settings.textLength;
    return { batch, grid: latentGrid(pictures.get(key)!, teacher!.codec), words };
  };
  const features = (key: string, batch: number) =>
    featureProgram(teacher!, shapeOf(key, batch), [recipe.taps.teacher], keeps);
  const prompts = (batch: number) =>
    recipe.embeddings === undefined && teacher?.text
      ? [promptProgram(teacher.text, teacher.settings, batch, keeps)]
      : [];
  const isRead = recipe.folder !== undefined && !recipe.trainText;
  const task = new DistillTask(recipe, {
    configs: { text: student.text.config, transformer: student.transformer.config },
    start: noValues,
    read: isRead ? unread : undefined,
    tokenizer: student.tokenizer,
    words: student.settings.textLength,
    maskText: student.settings.maskText,
    fps: clipRate(recipe, student.settings.fps),
    compression: compression(student.vae.config),
    sets,
    teacher: teacher && {
      width: widthOf(teacher.transformer.config),
      places: (key) => teacherPlaces(teacher, { grid: shapeOf(key, 1).grid }),
      features: { read: unread },
    },
  });
  const preparation = [...pictures].flatMap(([key, picture]) => {
    const runs = clipsOf(recipe, key);
    const draws = key === heldOut ? validationLevels.length : recipe.draws;
    const own = { name: `latents ${key}`, program: encodeLtx(student.vae.config, picture, keeps), runs };
    if (!teacher) return [own];
    const tiled = codecRun(teacher.codec, picture, keeps);
    const theirs = { name: `teacher's latents ${key}`, program: tiled.program, runs: runs * tiled.runs };
    if (!recipe.draws) return [own, theirs];
    const kept = { name: `teacher's features ${key}`, program: features(key, 1), runs: runs * draws };
    const texts = prompts(1).map((program) => ({ name: `teacher's text ${key}`, program, runs: runs * draws }));
    return [own, theirs, ...texts, kept];
  });
  const counts = [...pictures.keys()].map((key) => clipsOf(recipe, key));
  return {
    task,
    optimiser: recipe.optimiser,
    preparation: isRead ? [captionsRun(student, counts, keeps), ...preparation] : preparation,
    beside(bucket) {
      if (!teacher || recipe.draws) return [];
      const [key, batch] = bucket.split(" ") as [string, string];
      const programs = [features(key, Number(batch)), ...prompts(Number(batch))];
      return programs.map((program) => ({ name: "teacher", program, runs: 1 }));
    },
  };
}

async function planHr(recipe: HrRecipe, options: PlanOptions): Promise<PlannedRun> {
  const { keeps } = options;
  const model = await studentAt(recipe.model, options);
  const { guidance, form, conv, placement, moments, draft: size } = recipe;
  const taps = recipe.taps ?? proportionalTaps(model.transformer.config.layers);
  const usesFeatures = guidance === "features" || guidance === "features-synced";
  const config = { transformer: model.transformer.config, taps, guidance, form, conv, placement, moments };
  const sets = new Map<string, HrSet>();
  const smalls = new Map<string, FrozenRun>();
  const larges: FrozenRun[] = [];
  /** @param clips name of the clips, whose windows share the small pictures */
  const prepare = (key: string, clips: string, { picture, window }: HrBucket, count: number, group: number) => {
    const large = gridOf(picture, model.vae.config);
    const small = { ...picture, ...size };
    const crop = middleOf(large, window);
    sets.set(key, {
      small: sized(gridOf(small, model.vae.config)),
      large,
      count,
      group,
      window: () => crop,
      read: unread,
    });
    const [, h, w] = compression(model.vae.config);
    const tiles = (window ? [crop] : encodeTiles(large)).map((tile) => withMargin(tile, large));
    const most = (side: "height" | "width") => Math.max(...tiles.map((tile) => tile[side]));
    const pixels = { frames: picture.frames, height: most("height") * h, width: most("width") * w };
    const runs = Math.max(count, smalls.get(clips)?.runs ?? 0);
    smalls.set(clips, { name: `small latents ${clips}`, program: encodeLtx(model.vae.config, small, keeps), runs });
    larges.push({
      name: `large latents ${key}`,
      program: encodeLtx(model.vae.config, pixels, keeps),
      runs: count * tiles.length,
    });
  };
  const buckets = recipe.stages.flatMap((stage) => stage.buckets.map((bucket) => [bucketKey(bucket), bucket] as const));
  for (const [key, bucket] of new Map(buckets))
    prepare(key, pictureKey(bucket.picture), bucket, recipe.clips[key] ?? 20 * recipe.group, recipe.group);
  if (recipe.validation) prepare(heldOut, heldOut, validationBucketOf<HrBucket>(recipe), recipe.validation.clips, 1);
  // Captions of files are encoded once.
  const isRead = recipe.folder !== undefined;
  const captions = captionsRun(
    model,
    [...smalls.values()].map(({ runs }) => runs),
    keeps,
  );
  return {
    task: new HrTask(recipe, { config, draft: { model: drafter(model), run: unread }, start: noValues, sets }),
    optimiser: recipe.optimiser,
    preparation: [...smalls.values(), ...larges, ...(isRead ? [captions] : [])],
    beside(bucket) {
      const [picture, window, batch] = bucket.split(" ") as [string, string, string];
      const { grid } = sets.get(`${picture} ${window}`)!.small;
      if (isRead && !usesFeatures) return [];
      const shape = { grid, batch: Number(batch), isRead };
      return [
        { name: "draft", program: draftProgram(drafter(model), usesFeatures ? taps : [], shape, keeps), runs: 1 },
      ];
    },
  };
}

/** Captions of so many clips by size, and none: encoded once. */
function captionsRun(model: Student, counts: readonly number[], keeps: PlanOptions["keeps"]): FrozenRun {
  const none = { frames: 1, height: 1, width: 1 };
  const program = draftProgram(drafter(model), [], { grid: none, batch: 1 }, keeps);
  return { name: "captions", program, runs: counts.reduce((sum, count) => sum + count, 1) };
}

/** A window in the middle: there its margin is whole, as far as the picture reaches. */
function middleOf(large: Grid, { width, height }: { width: number; height: number } = large): Crop {
  const before = (room: number) => Math.floor(room / 2);
  return { top: before(large.height - height), left: before(large.width - width), height, width };
}

async function planTune(recipe: TuneRecipe, options: PlanOptions): Promise<PlannedRun> {
  const { keeps } = options;
  const model = await studentAt(recipe.from, options);
  const pictures = picturesOf(recipe);
  const sets = new Map([...pictures].map(([key, picture]) => [key, sized(gridOf(picture, model.vae.config))]));
  const task = new TuneTask(recipe, {
    config: model.transformer.config,
    weights: noValues,
    compression: compression(model.vae.config),
    words: model.settings.textLength,
    sets,
    states: unread,
  });
  const latents = [...pictures].map(([key, picture]) => ({
    name: `latents ${key}`,
    program: encodeLtx(model.vae.config, picture, keeps),
    runs: clipsOf(recipe, key),
  }));
  const counts = latents.map(({ runs }) => runs);
  return {
    task,
    optimiser: recipe.optimiser,
    preparation: [...latents, captionsRun(model, counts, keeps)],
    beside: () => [],
  };
}
