import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { CheckpointError } from "../../../base/errors.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { Settings, TextToVideoModel } from "../../../pipelines/model.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import { modelConfigs } from "../../../training/flow-model.ts";
import { FlowTask, pictureKey } from "../../../training/flow-task.ts";
import type { FlowRecipe } from "../../../training/recipe.ts";
import type { SheetClip } from "../../../video/contact-sheet.ts";
import type { Frame } from "../../../video/frame.ts";
import { openModel } from "../models/open-model.ts";
import { saveTextToVideo } from "../models/save-model.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { type Job, under, type Values, valuesOf } from "./job.ts";
import { compressionOf, latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";
import { inMemory } from "./vae-job.ts";

/** Training of text encoder and transformer on latents of a finished autoencoder. */
export async function flowJob(
  recipe: FlowRecipe,
  { clips, words, prompts }: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
): Promise<Job> {
  const vaeFolder = resolve(options.base, recipe.vae);
  const { source, close } = await openLatentSource(vaeFolder);
  const sets = new Map<string, Awaited<ReturnType<typeof latentSet>>>();
  const pictures = recipe.stages.flatMap(({ buckets }) => buckets.map((bucket) => bucket.picture));
  for (const picture of pictures) {
    const key = pictureKey(picture);
    if (sets.has(key)) continue;
    const count = recipe.clips[key] ?? Math.min(1000, clips.count(picture));
    sets.set(key, await latentSet(source, runtime, { ...options, folder: options.cache, clips, picture, count }));
  }
  const file = buildWordTokenizer(words);
  const tokenizer = new TextTokenizer(file);
  const channels = source.config.latentChannels;
  const settings = settingsOf(recipe);
  const configs = modelConfigs(recipe, tokenizer.size, channels);
  const start = recipe.from === undefined ? undefined : await startOf(resolve(options.base, recipe.from), configs);
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
    task: new FlowTask(recipe, { tokenizer, channels, compression: compressionOf(source), sets, start }),
    async preview(values) {
      const sheet: SheetClip[] = [];
      for (const [index, prompt] of prompts.slice(0, recipe.preview.prompts).entries()) {
        const { picture } = recipe.preview;
        const frames: Frame[] = [];
        const request = { prompt, seed: index, ...picture };
        for await (const event of textToVideo(modelOf(values), runtime, request))
          if (event.type === "frame") frames.push(event.frame);
        sheet.push({ frames, caption: prompt });
      }
      return { clips: sheet, figures: {} };
    },
    async save(values, folder) {
      await saveTextToVideo(folder, {
        settings,
        tokenizer: file,
        text: { config: configs.text, values: under(values, "text.") },
        transformer: { config: configs.transformer, values: under(values, "transformer.") },
      });
      await mkdir(join(folder, "vae"), { recursive: true });
      await cp(vaeFolder, join(folder, "vae"), { recursive: true });
    },
    dispose() {
      close();
      for (const set of sets.values()) void set.close();
    },
  };
}

/** A finished model's weights as the training names them; refuses one of another shape. */
async function startOf(folder: string, configs: ReturnType<typeof modelConfigs>): Promise<Values> {
  const { text, transformer, close } = await openModel(folder);
  try {
    const known = [text.config, transformer.config];
    if (!isDeepStrictEqual(known, [configs.text, configs.transformer]))
      throw new CheckpointError("the model to go on from has another shape than the recipe's", {
        where: folder,
        hint: "text, transformer, the words of its captions and the channels of its latents have to be the same",
      });
    const named = async (part: string, weights: Weights) =>
      [...(await valuesOf(weights))].map(([name, value]) => [`${part}.${name}`, value] as const);
    return new Map([...(await named("text", text.weights)), ...(await named("transformer", transformer.weights))]);
  } finally {
    await close();
  }
}

function settingsOf({ name, defaults, fps, text, world }: FlowRecipe): Settings {
  const { picture, shift, ...rest } = defaults;
  const schedule = { kind: "uniform", shift } as const;
  return { name, ...picture, fps, ...rest, textLength: text.tokens, schedule, world };
}
