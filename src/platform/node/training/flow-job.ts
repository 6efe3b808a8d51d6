import { join, resolve } from "node:path";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { modelConfigs } from "../../../training/flow-model.ts";
import { FlowTask } from "../../../training/flow-task.ts";
import type { FlowRecipe } from "../../../training/recipe.ts";
import type { Opened } from "../files/opened.ts";
import { openModel } from "../models/open-model.ts";
import { saveTextToVideo } from "../models/save-model.ts";
import { decodingOf, weightsOfChannels } from "./channel-effects.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { copyModel } from "./copy-model.ts";
import { valuesToGoOn } from "./go-on.ts";
import { inMemory, type OpenedJob, settingsOf, under, type Values } from "./job.ts";
import { compressionOf, latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";
import { framesOf, previewOf } from "./previews.ts";
import { openSets, requestsOf } from "./recipe-sets.ts";

/** Training of text encoder and transformer on latents of a finished autoencoder. */
export async function flowJob(
  recipe: FlowRecipe,
  clips: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
  opened: Opened,
): Promise<OpenedJob> {
  const vaeFolder = resolve(options.base, recipe.vae);
  const { source } = opened.keep(await openLatentSource(vaeFolder));
  const file = buildWordTokenizer(clips.words);
  const tokenizer = new TextTokenizer(file);
  const channels = source.config.latentChannels;
  const settings = settingsOf(recipe);
  const configs = modelConfigs(recipe, tokenizer.size, channels);
  const start = recipe.from === undefined ? undefined : await startOf(resolve(options.base, recipe.from), configs);
  const sets = await openSets(requestsOf(recipe, clips, options), opened, (request) =>
    latentSet(source, runtime, request),
  );
  const weights = await weightsOfChannels(() => decodingOf(source), runtime, recipe.channelPower, options.note);
  const modelOf = (values: Values): TextToVideoModel => ({
    settings,
    tokenizer,
    text: { config: configs.text, weights: inMemory(under(values, "text.")) },
    transformer: { config: configs.transformer, weights: inMemory(under(values, "transformer.")) },
    vae: { config: source.config, weights: source.weights },
    statistics: source.statistics,
    files: [],
  });
  return {
    task: new FlowTask(recipe, {
      tokenizer,
      channels,
      compression: compressionOf(source),
      sets,
      start,
      channelWeights: weights,
    }),
    preview: (values) =>
      previewOf(clips.prompts, recipe.preview, (request) => framesOf(textToVideo(modelOf(values), runtime, request))),
    async save(values, folder) {
      await saveTextToVideo(folder, {
        settings,
        tokenizer: file,
        text: { config: configs.text, values: under(values, "text.") },
        transformer: { config: configs.transformer, values: under(values, "transformer.") },
      });
      await copyModel(vaeFolder, join(folder, "vae"));
    },
  };
}

async function startOf(folder: string, configs: ReturnType<typeof modelConfigs>): Promise<Values> {
  const model = await openModel(folder);
  try {
    return await valuesToGoOn(folder, { text: model.text, transformer: model.transformer }, configs);
  } finally {
    await model.close();
  }
}
