/** Fine-tuning of a model folder on a folder of clips or on the world. */
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { toDiffusers } from "../../../models/ltx/config.ts";
import { diffusersName } from "../../../models/ltx/weights.ts";
import { hrModule } from "../../../pipelines/assemble.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { peftTensors } from "../../../training/lora.ts";
import type { TuneRecipe } from "../../../training/recipe-tune.ts";
import { captionAt, TuneTask } from "../../../training/tune-task.ts";
import { storeValues } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import type { Opened } from "../files/opened.ts";
import { openModel } from "../models/open-model.ts";
import { saveModule } from "../models/save-model.ts";
import { captionStates } from "./caption-states.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { copyModel } from "./copy-model.ts";
import { inMemory, type OpenedJob, under, type Values, valuesOf } from "./job.ts";
import { compressionOf, latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";
import { framesOf, previewOf } from "./previews.ts";
import { openSets, requestsOf } from "./recipe-sets.ts";

/** What does not outlive the old weights: their files, however many, and the second stage that was trained on them. */
const retrained = ["transformer", hrModule];

export async function tuneJob(
  recipe: TuneRecipe,
  clips: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
  opened: Opened,
): Promise<OpenedJob> {
  const home = resolve(options.base, recipe.from);
  const model = opened.keep(await openModel(home));
  const { source } = opened.keep(await openLatentSource(join(home, "vae")));
  const sets = await openSets(requestsOf(recipe, clips, options), opened, (request) =>
    latentSet(source, runtime, request),
  );
  const captions = [
    "",
    ...[...sets.values()].flatMap((set) => Array.from({ length: set.count }, (_, i) => captionAt(set, i, recipe.seed))),
  ];
  const said = opened.keep(await captionStates(model, runtime, captions, options));
  const { config } = model.transformer;
  const task = new TuneTask(recipe, {
    config,
    weights: await valuesOf(model.transformer.weights),
    compression: compressionOf(source),
    words: model.settings.textLength,
    sets,
    states: said.read,
  });
  if (model.hr && !recipe.lora)
    options.note?.(
      `the second stage of ${recipe.from} belongs to its old weights and is left out: train it anew with \`from\` (docs/guides/two-stages.md)`,
    );
  const adapters = task.model.lora;
  const scale = recipe.lora ? (recipe.lora.alpha ?? recipe.lora.rank) / recipe.lora.rank : 1;
  return {
    task,
    async preview(values) {
      const tuned: TextToVideoModel = {
        ...model,
        transformer: { config, weights: inMemory(merged(values, task, scale)) },
      };
      return previewOf(clips.prompts, recipe.preview, (request) => framesOf(textToVideo(tuned, runtime, request)));
    },
    async save(values, folder) {
      if (!recipe.lora) {
        for (const part of retrained) await rm(join(folder, part), { recursive: true, force: true });
        await copyModel(home, folder, { except: retrained });
        const file = "diffusion_pytorch_model.safetensors";
        const own = under(values, "transformer.");
        await saveModule(join(folder, "transformer"), file, toDiffusers(config), own, diffusersName);
        const { hr, ...settings } = model.settings;
        if (hr) await writeFile(join(folder, "turbo2k.json"), `${JSON.stringify(settings, null, 2)}\n`);
        return;
      }
      const tensors = peftTensors(
        adapters,
        (adapter, part) => values.get(`lora.${adapters.indexOf(adapter)}.${part}`)!,
        scale,
        diffusersName,
      );
      await writeSafetensorsFile(join(folder, "adapter_model.safetensors"), storeValues(tensors, "F16"), {
        metadata: { format: "pt" },
      });
      const { rank } = recipe.lora;
      const about = {
        peft_type: "LORA",
        r: rank,
        lora_alpha: rank, // the scale is in the weights
        target_modules: adapters.map(({ layer }) => diffusersName(`${layer}.`).replace(/\.$/, "")),
      };
      await writeFile(join(folder, "adapter_config.json"), `${JSON.stringify(about, null, 2)}\n`);
    },
  };
}

/** The transformer's values with what adapters add. */
function merged(values: Values, { model: { lora } }: TuneTask, scale: number): Values {
  const base = under(values, "transformer.");
  for (const [index, { layer }] of lora.entries()) {
    const [down, up] = [values.get(`lora.${index}.down`)!, values.get(`lora.${index}.up`)!];
    const name = `${layer}.weight`;
    const weight = base.get(name)!;
    const [outer, inner] = weight.shape as [number, number];
    const rank = down.shape[0]!;
    const data = Float32Array.from(weight.data as Float32Array);
    for (let o = 0; o < outer; o++)
      for (let r = 0; r < rank; r++) {
        const factor = scale * up.data[o * rank + r]!;
        if (factor) for (let i = 0; i < inner; i++) data[o * inner + i]! += factor * down.data[r * inner + i]!;
      }
    base.set(name, { ...weight, data });
  }
  return base;
}
