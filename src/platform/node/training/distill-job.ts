import { join, resolve } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { tapIndex } from "../../../pipelines/hunyuan.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { DistillTask, type DistillTeacher } from "../../../training/distill-task.ts";
import { drawSeedOf, LiveTeacher, teacherPlaces } from "../../../training/distill-teacher.ts";
import { clipRate, type DistillRecipe } from "../../../training/recipe.ts";
import type { Opened } from "../files/opened.ts";
import { openTeacherPrompts, type TeacherPrompts } from "../models/embeddings.ts";
import { openModel } from "../models/open-model.ts";
import { saveStudent } from "../models/save-model.ts";
import { type OpenedTeacher, openTeacher } from "../models/teacher-folder.ts";
import { captionStates, captionsIn } from "./caption-states.ts";
import { decodingOf, weightsOfChannels } from "./channel-effects.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { codecLatents } from "./codec-source.ts";
import { copyModel } from "./copy-model.ts";
import { keptFeatures } from "./feature-cache.ts";
import { inMemory, type OpenedJob, under, type Values, valuesOfParts } from "./job.ts";
import { compressionOf, latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";
import { framesOf, previewOf } from "./previews.ts";
import { openSets, requestsOf } from "./recipe-sets.ts";

/** Distillation: a finished student and a finished teacher, each with its own autoencoder and text encoder. */
export async function distillJob(
  recipe: DistillRecipe,
  clips: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
  opened: Opened,
): Promise<OpenedJob> {
  const smallest = Math.min(...recipe.stages.flatMap(({ buckets }) => buckets.map(({ batch }) => batch)));
  if (recipe.strategy === "shuffled" && smallest < 2)
    throw new InputError("shuffled features need another clip in the batch", { hint: "set batch to 2 or more" });
  const home = resolve(options.base, recipe.student);
  const student = opened.keep(await openModel(home));
  const { source } = opened.keep(await openLatentSource(join(home, "vae")));
  // What is wrong with the teacher comes before the student's latents, which may take an hour.
  const model =
    recipe.strategy === "data-only" ? undefined : await openedTeacher(recipe, options.base, runtime, opened);
  const sets = await openSets(requestsOf(recipe, clips, options), opened, (request) =>
    latentSet(source, runtime, request),
  );
  const teacher = model && (await openFeatures(recipe, model, clips, runtime, options, opened));
  const weights = await weightsOfChannels(() => decodingOf(source), runtime, recipe.channelPower, options.note);
  // A frozen text encoder reads what is said of files once; rendered clips are in other words each time.
  const said =
    recipe.folder && !recipe.trainText
      ? opened.keep(await captionStates(student, runtime, captionsIn(sets.values()), options))
      : undefined;
  const { text, transformer } = student;
  const start = await valuesOfParts(said ? { transformer } : { text, transformer });
  // A second stage was trained on the features of the student before this training.
  const { hr: _, ...settings } = student.settings;
  const { tokenizer } = student;
  const modelOf = (values: Values) => ({
    ...student,
    text: said ? text : { ...text, weights: inMemory(under(values, "text.")) },
    transformer: { ...student.transformer, weights: inMemory(under(values, "transformer.")) },
  });
  return {
    task: new DistillTask(recipe, {
      configs: { text: student.text.config, transformer: student.transformer.config },
      start,
      read: said?.read,
      tokenizer,
      words: settings.textLength,
      maskText: settings.maskText,
      fps: clipRate(recipe, settings.fps),
      compression: compressionOf(source),
      sets,
      teacher,
      channelWeights: weights,
    }),
    teacher: model && { path: recipe.teacher, sha256: model.model.hash },
    preview: (values) =>
      previewOf(clips.prompts, recipe.preview, (request) => framesOf(textToVideo(modelOf(values), runtime, request))),
    async save(values, folder) {
      const kept = ["vae", "tokenizer", "model_index.json", ...(said ? ["text_encoder"] : [])];
      await copyModel(home, folder, { only: kept });
      await saveStudent(folder, {
        settings: { ...settings, ...recipe.picture, name: recipe.name },
        text: said ? undefined : { config: text.config, values: under(values, "text.") },
        transformer: { config: transformer.config, values: under(values, "transformer.") },
      });
    },
  };
}

interface Teacher {
  readonly model: OpenedTeacher;
  readonly prompts: TeacherPrompts;
}

/** The teacher with its own text encoders, or with what they made of the captions before. */
async function openedTeacher(
  { teacher, taps, embeddings }: DistillRecipe,
  base: string,
  runtime: Runtime,
  opened: Opened,
): Promise<Teacher> {
  const model = opened.keep(await openTeacher(resolve(base, teacher)));
  const { doubleBlocks, singleBlocks } = model.transformer.config;
  tapIndex(taps.teacher, doubleBlocks + singleBlocks, "teacher");
  const file = embeddings && resolve(base, embeddings);
  return { model, prompts: await openTeacherPrompts(model, runtime, file, opened) };
}

/** Its features of the clips, on latents of its own autoencoder, computed at every step or once for all. */
async function openFeatures(
  recipe: DistillRecipe,
  { model, prompts }: Teacher,
  clips: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
  opened: Opened,
): Promise<DistillTeacher> {
  const requests = requestsOf(recipe, clips, options);
  const sets = await openSets(requests, opened, (request) => codecLatents(model.codec, runtime, request));
  const live = opened.keep(
    new LiveTeacher(model, runtime, {
      prompts: prompts.encode,
      sets,
      seed: drawSeedOf(recipe),
      block: recipe.taps.teacher,
      guidance: recipe.guidance,
      sigmaOf: recipe.strategy === "fixed" ? () => recipe.fixedSigma : (sigma) => sigma,
    }),
  );
  const features = recipe.draws
    ? opened.keep(await keptFeatures(live, { model, text: prompts.id, recipe, sets, requests }, options))
    : live;
  if (features !== live) live.dispose(); // from here on features come from disk
  return { width: live.width, places: (key) => teacherPlaces(model, sets.get(key)!), features };
}
