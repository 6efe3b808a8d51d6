import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { hunyuanToVideo } from "../../../pipelines/hunyuan-to-video.ts";
import type { Settings } from "../../../pipelines/model.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { TeacherRecipe } from "../../../training/recipe.ts";
import { pictureKey } from "../../../training/stages.ts";
import { teacherConfigs } from "../../../training/teacher-net.ts";
import { TeacherTask } from "../../../training/teacher-task.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import { saveCodec, saveTeacher } from "../models/teacher-folder.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { codecLatents, fitCodec, openCodec } from "./codec-source.ts";
import { type Job, under, type Values } from "./job.ts";
import { inMemory } from "./vae-job.ts";

/** Training of a teacher on latents of its own autoencoder. */
export async function teacherJob(
  recipe: TeacherRecipe,
  { clips, words, prompts }: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
): Promise<Job> {
  const fitted = typeof recipe.codec === "string" ? undefined : await fitCodec(recipe.codec, clips);
  const trained = typeof recipe.codec === "string" ? resolve(options.base, recipe.codec) : "";
  const codec = fitted ?? (await openCodec(trained));
  const sets = new Map<string, Awaited<ReturnType<typeof codecLatents>>>();
  for (const { picture } of recipe.stages.flatMap(({ buckets }) => buckets)) {
    const key = pictureKey(picture);
    if (sets.has(key)) continue;
    const count = recipe.clips[key] ?? Math.min(1000, clips.count(picture));
    sets.set(key, await codecLatents(codec, runtime, { ...options, folder: options.cache, clips, picture, count }));
  }
  const file = buildWordTokenizer(words);
  const tokenizer = new TextTokenizer(file);
  const configs = teacherConfigs(recipe, tokenizer.size, codec.channels);
  const settings = settingsOf(recipe);
  const part = <C>(config: C, values: Values, name: string) => ({ config, values: under(values, `${name}.`) });
  const partsOf = (values: Values) => ({
    language: part(configs.language, values, "language"),
    clip: part(configs.clip, values, "clip"),
    transformer: part(configs.transformer, values, "transformer"),
  });
  const modelOf = (values: Values): HunyuanModel => {
    const { language, clip, transformer } = partsOf(values);
    return {
      settings,
      codec,
      transformer: { ...transformer, weights: inMemory(transformer.values) },
      text: {
        tokenizer,
        language: { ...language, weights: inMemory(language.values) },
        clip: { ...clip, weights: inMemory(clip.values) },
      },
    };
  };
  return {
    task: new TeacherTask(recipe, { tokenizer, channels: codec.channels, sets }),
    async preview(values) {
      const sheet: SheetClip[] = [];
      for (const [seed, prompt] of prompts.slice(0, recipe.preview.prompts).entries()) {
        const frames = await hunyuanToVideo(modelOf(values), runtime, { prompt, seed, ...recipe.preview.picture });
        sheet.push({ frames, caption: prompt });
      }
      return { clips: sheet, figures: {} };
    },
    async save(values, folder) {
      await saveTeacher(folder, { settings, codec, tokenizer: file, ...partsOf(values) });
      const home = join(folder, "vae");
      await mkdir(home, { recursive: true });
      if (fitted) await saveCodec(home, fitted, fitted.values);
      else await cp(trained, home, { recursive: true });
    },
    dispose() {
      void codec.close();
      for (const set of sets.values()) void set.close();
    },
  };
}

function settingsOf({ name, defaults, fps, text, world }: TeacherRecipe): Settings {
  const { picture, steps, guidanceScale, shift } = defaults;
  const schedule = { kind: "uniform", shift } as const;
  return { name, ...picture, fps, steps, guidanceScale, textLength: text.tokens, schedule, world };
}
