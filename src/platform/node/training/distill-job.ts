import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { tapIndex } from "../../../pipelines/hunyuan.ts";
import { openPrompts, type PromptEncoder } from "../../../pipelines/hunyuan-text.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { DistillTask, type DistillTeacher } from "../../../training/distill-task.ts";
import { drawSeedOf, LiveTeacher, teacherPlaces } from "../../../training/distill-teacher.ts";
import type { DistillRecipe } from "../../../training/recipe.ts";
import { pictureKey } from "../../../training/stages.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import type { Frame } from "../../../video/frame.ts";
import { openEmbeddings } from "../models/embeddings.ts";
import { openModel } from "../models/open-model.ts";
import { saveStudent } from "../models/save-model.ts";
import { type OpenedTeacher, openTeacher } from "../models/teacher-folder.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { codecLatents } from "./codec-source.ts";
import { keptFeatures, type Sets } from "./feature-cache.ts";
import { type Job, under, type Values, valuesOf } from "./job.ts";
import { compressionOf, latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";
import { inMemory } from "./vae-job.ts";

/** Distillation: a finished student and a finished teacher, each with its own autoencoder and text encoder. */
export async function distillJob(
  recipe: DistillRecipe,
  { clips, prompts }: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
): Promise<Job> {
  const smallest = Math.min(...recipe.stages.flatMap(({ buckets }) => buckets.map(({ batch }) => batch)));
  if (recipe.strategy === "shuffled" && smallest < 2)
    throw new InputError("shuffled features need another clip in the batch", { hint: "set batch to 2 or more" });
  const home = resolve(options.base, recipe.student);
  const student = await openModel(home);
  const { source, close } = await openLatentSource(join(home, "vae"));
  const sets: Sets = new Map();
  const pictures = new Map(
    recipe.stages.flatMap(({ buckets }) => buckets.map((b) => [pictureKey(b.picture), b.picture])),
  );
  const requestOf = (key: string) => {
    const picture = pictures.get(key)!;
    const count = recipe.clips[key] ?? Math.min(1000, clips.count(picture));
    return { ...options, folder: options.cache, clips, picture, count };
  };
  for (const key of pictures.keys()) sets.set(key, await latentSet(source, runtime, requestOf(key)));
  const opened =
    recipe.strategy === "data-only"
      ? undefined
      : await openFeatures(recipe, runtime, [...pictures.keys()], requestOf, options);
  const start = new Map([
    ...[...(await valuesOf(student.text.weights))].map(([name, value]) => [`text.${name}`, value] as const),
    ...[...(await valuesOf(student.transformer.weights))].map(([n, value]) => [`transformer.${n}`, value] as const),
  ]);
  // A second stage was trained on the features of the student before this training.
  const { hr: _, ...settings } = student.settings;
  const { tokenizer } = student;
  const modelOf = (values: Values) => ({
    ...student,
    text: { ...student.text, weights: inMemory(under(values, "text.")) },
    transformer: { ...student.transformer, weights: inMemory(under(values, "transformer.")) },
  });
  return {
    task: new DistillTask(recipe, {
      configs: { text: student.text.config, transformer: student.transformer.config },
      start,
      tokenizer,
      words: settings.textLength,
      fps: settings.fps,
      compression: compressionOf(source),
      sets,
      teacher: opened?.teacher,
    }),
    async preview(values) {
      const sheet: SheetClip[] = [];
      for (const [seed, prompt] of prompts.slice(0, recipe.preview.prompts).entries()) {
        const frames: Frame[] = [];
        for await (const event of textToVideo(modelOf(values), runtime, { prompt, seed, ...recipe.preview.picture }))
          if (event.type === "frame") frames.push(event.frame);
        sheet.push({ frames, caption: prompt });
      }
      return { clips: sheet, figures: {} };
    },
    async save(values, folder) {
      await mkdir(folder, { recursive: true });
      for (const part of ["vae", "tokenizer", "model_index.json"])
        await cp(join(home, part), join(folder, part), { recursive: true });
      await saveStudent(folder, {
        settings: { ...settings, ...recipe.picture, name: recipe.name },
        text: { config: student.text.config, values: under(values, "text.") },
        transformer: { config: student.transformer.config, values: under(values, "transformer.") },
      });
    },
    dispose() {
      void student.close();
      close();
      opened?.dispose();
      for (const set of sets.values()) void set.close();
    },
  };
}

/** The teacher with its own latents of the same clips, computing at every step or once for all. */
async function openFeatures(
  recipe: DistillRecipe,
  runtime: Runtime,
  keys: readonly string[],
  requestOf: (key: string) => Parameters<typeof codecLatents>[2],
  options: ClipsOptions,
): Promise<{ teacher: DistillTeacher; dispose(): void }> {
  const model = await openTeacher(resolve(options.base, recipe.teacher));
  const { doubleBlocks, singleBlocks } = model.transformer.config;
  tapIndex(recipe.taps.teacher, doubleBlocks + singleBlocks, "teacher");
  const sets: Sets = new Map();
  for (const key of keys) sets.set(key, await codecLatents(model.codec, runtime, requestOf(key)));
  const prompts = await openText(model, recipe, runtime, options.base);
  const live = new LiveTeacher(model, runtime, {
    prompts: prompts.encode,
    sets,
    seed: drawSeedOf(recipe),
    block: recipe.taps.teacher,
    guidance: recipe.guidance,
    sigmaOf: recipe.strategy === "fixed" ? () => recipe.fixedSigma : (sigma) => sigma,
  });
  const stored = recipe.draws ? await keptFeatures(live, model, recipe, sets, requestOf, options) : undefined;
  if (stored) live.dispose(); // from here on features come from disk
  const places = (key: string) => teacherPlaces(model, sets.get(key)!);
  return {
    teacher: { width: live.width, places, features: stored ?? live },
    dispose() {
      void stored?.close();
      live.dispose();
      prompts.dispose();
      void model.close();
      for (const set of sets.values()) void set.close();
    },
  };
}

/** The teacher's own text encoders, or what they made of the captions before. */
async function openText(
  model: OpenedTeacher,
  { embeddings }: DistillRecipe,
  runtime: Runtime,
  base: string,
): Promise<{ encode: PromptEncoder; dispose(): void }> {
  if (embeddings === undefined) return openPrompts(model, runtime);
  const { textWidth, pooledWidth } = model.transformer.config;
  const sizes = { length: model.settings.textLength, width: textWidth, pooledWidth };
  const { encode, close } = await openEmbeddings(resolve(base, embeddings), sizes);
  return { encode, dispose: () => void close() };
}
