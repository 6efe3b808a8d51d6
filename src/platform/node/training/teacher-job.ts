import { join, resolve } from "node:path";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { hunyuanToVideo } from "../../../pipelines/hunyuan-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { TeacherRecipe } from "../../../training/recipe.ts";
import { type TeacherConfigs, teacherConfigs } from "../../../training/teacher-net.ts";
import { TeacherTask } from "../../../training/teacher-task.ts";
import type { Opened } from "../files/opened.ts";
import { openTeacher, saveCodec, saveTeacher } from "../models/teacher-folder.ts";
import { codecDecoding, weightsOfChannels } from "./channel-effects.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { codecLatents, fitCodec, openCodec } from "./codec-source.ts";
import { copyModel } from "./copy-model.ts";
import { valuesToGoOn } from "./go-on.ts";
import { inMemory, type OpenedJob, settingsOf, under, type Values } from "./job.ts";
import { previewOf } from "./previews.ts";
import { openSets, requestsOf } from "./recipe-sets.ts";

/** Training of a teacher on latents of its own autoencoder. */
export async function teacherJob(
  recipe: TeacherRecipe,
  clips: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
  opened: Opened,
): Promise<OpenedJob> {
  const fitted = typeof recipe.codec === "string" ? undefined : await fitCodec(recipe.codec, clips.clips);
  const trained = typeof recipe.codec === "string" ? resolve(options.base, recipe.codec) : "";
  const codec = opened.keep(fitted ?? (await openCodec(trained)));
  const sets = await openSets(requestsOf(recipe, clips, options), opened, (request) =>
    codecLatents(codec, runtime, request),
  );
  const weights = await weightsOfChannels(() => codecDecoding(codec), runtime, recipe.channelPower, options.note);
  const file = buildWordTokenizer(clips.words);
  const tokenizer = new TextTokenizer(file);
  const configs = teacherConfigs(recipe, tokenizer.size, codec.channels);
  const start = recipe.from === undefined ? undefined : await startOf(resolve(options.base, recipe.from), configs);
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
    task: new TeacherTask(recipe, { tokenizer, channels: codec.channels, sets, start, channelWeights: weights }),
    preview: (values) =>
      previewOf(clips.prompts, recipe.preview, (request) => hunyuanToVideo(modelOf(values), runtime, request)),
    async save(values, folder) {
      await saveTeacher(folder, { settings, codec, tokenizer: file, ...partsOf(values) });
      const home = join(folder, "vae");
      if (fitted) await saveCodec(home, fitted, fitted.values);
      else await copyModel(trained, home);
    },
  };
}

async function startOf(folder: string, configs: TeacherConfigs): Promise<Values> {
  const { text, transformer, close } = await openTeacher(folder);
  try {
    return await valuesToGoOn(folder, { language: text?.language, clip: text?.clip, transformer }, configs);
  } finally {
    await close();
  }
}
