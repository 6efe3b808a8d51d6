import { cp } from "node:fs/promises";
import { join, resolve } from "node:path";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { hunyuanToVideo } from "../../../pipelines/hunyuan-to-video.ts";
import type { Settings } from "../../../pipelines/model.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { TeacherRecipe } from "../../../training/recipe.ts";
import { teacherConfigs } from "../../../training/teacher-net.ts";
import { TeacherTask } from "../../../training/teacher-task.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { Opened } from "../files/opened.ts";
import { saveCodec, saveTeacher } from "../models/teacher-folder.ts";
import { codecDecoding, weightsOfChannels } from "./channel-effects.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { codecLatents, fitCodec, openCodec } from "./codec-source.ts";
import { inMemory, type OpenedJob, under, type Values } from "./job.ts";
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
    task: new TeacherTask(recipe, { tokenizer, channels: codec.channels, sets, channelWeights: weights }),
    preview: (values) =>
      previewOf(clips.prompts, recipe.preview, (request) => hunyuanToVideo(modelOf(values), runtime, request)),
    async save(values, folder) {
      await saveTeacher(folder, { settings, codec, tokenizer: file, ...partsOf(values) });
      const home = join(folder, "vae");
      await makeFolder(home);
      if (fitted) await saveCodec(home, fitted, fitted.values);
      else await cp(trained, home, { recursive: true });
    },
  };
}

function settingsOf({ name, defaults, fps, text, world }: TeacherRecipe): Settings {
  const { picture, shift, ...rest } = defaults;
  const schedule = { kind: "uniform", shift } as const;
  return { name, ...picture, fps, ...rest, textLength: text.tokens, schedule, world };
}
