import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { InputError } from "../../../base/errors.ts";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { checkTaps, type HrConfig, proportionalTaps } from "../../../models/ltx/two-stage-config.ts";
import { compression } from "../../../models/ltx-vae/config.ts";
import { hrModule, type OpenedModel } from "../../../pipelines/assemble.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import type { Settings, TextToVideoModel } from "../../../pipelines/model.ts";
import { resolveRequest } from "../../../pipelines/resolve.ts";
import { synthesise } from "../../../pipelines/synthesise.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import { FrozenDraft } from "../../../training/hr-draft.ts";
import { followDraft } from "../../../training/hr-initial.ts";
import { bucketKey, type HrBucket, type HrSet, HrTask } from "../../../training/hr-task.ts";
import { clipRate, type HrRecipe } from "../../../training/recipe.ts";
import { pictureKey } from "../../../training/stages.ts";
import { heldOut, validationBucketOf } from "../../../training/validation.ts";
import type { Opened } from "../files/opened.ts";
import { openModel } from "../models/open-model.ts";
import { saveHr } from "../models/save-model.ts";
import { captionStates, captionsIn } from "./caption-states.ts";
import { decodingOf, weightsOfChannels } from "./channel-effects.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import { copyModel } from "./copy-model.ts";
import { valuesToGoOn } from "./go-on.ts";
import { hrSet } from "./hr-cache.ts";
import { inMemory, type OpenedJob, under, type Values, valuesOf } from "./job.ts";
import { type LatentSource, latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";
import { framesOf, previewOf } from "./previews.ts";

/** Training of the high-resolution model on the features of a finished low-resolution one. */
export async function hrJob(
  recipe: HrRecipe,
  clips: OpenedClips,
  runtime: Runtime,
  { base, ...options }: ClipsOptions,
  opened: Opened,
): Promise<OpenedJob> {
  const folder = resolve(base, recipe.model);
  const model = opened.keep(await openModel(folder));
  const config = configOf(recipe, model);
  checkSizes(recipe, model);
  const { source } = opened.keep(await openLatentSource(join(folder, "vae")));
  const sets = await openHrSets(recipe, clips, { source, runtime, opened, ...options });
  const usesFeatures = config.guidance === "features" || config.guidance === "features-synced";
  // Tokens lie where the clips' rate puts them.
  const rated = { ...model.settings, fps: clipRate(recipe, model.settings.fps) };
  const draft = { ...model, settings: rated, compression: compression(model.vae.config) };
  const taps = usesFeatures ? config.taps : [];
  const smalls = [...sets.values()].map(({ small }) => small);
  const said = recipe.folder && opened.keep(await captionStates(model, runtime, captionsIn(smalls), options));
  const frozen = opened.keep(new FrozenDraft(draft, runtime, taps, said?.read));
  const settings = settingsOf(recipe, model);
  const modelOf = (values: Values): TextToVideoModel => ({
    ...model,
    settings,
    hr: { config, weights: inMemory(values) },
  });
  const start = await valuesOf(model.transformer.weights);
  const trained =
    recipe.from === undefined ? undefined : await secondStageOf(resolve(base, recipe.from), config, start);
  const weights = await weightsOfChannels(() => decodingOf(source), runtime, recipe.channelPower, options.note);
  return {
    task: new HrTask(recipe, { config, draft: frozen, start, trained, sets, channelWeights: weights }),
    preview: (values) =>
      previewOf(clips.prompts, recipe.preview, (asked) => {
        const request = resolveRequest({ ...asked, stages: 2 }, modelOf(values));
        return framesOf(synthesise(modelOf(values), runtime, { ...request, ...request.made }));
      }),
    async save(values, target) {
      await copyModel(folder, target, { except: [hrModule] });
      await rm(join(target, hrModule), { recursive: true, force: true });
      const sha256 = await model.files.find(({ name }) => name === "transformer")!.hash.sha256();
      await saveHr(join(target, hrModule), config, values, sha256);
      await writeFile(join(target, "turbo2k.json"), `${JSON.stringify(settings, null, 2)}\n`);
    },
  };
}

/** The second stage of a finished model, moved to the draft `now`. */
async function secondStageOf(folder: string, config: HrConfig, now: Values): Promise<Values> {
  const model = await openModel(folder);
  try {
    const trained = under(await valuesToGoOn(folder, { hr: model.hr }, { hr: config }), "hr.");
    return followDraft(trained, await valuesOf(model.transformer.weights), now);
  } finally {
    await model.close();
  }
}

interface SetsOptions extends Omit<ClipsOptions, "base"> {
  readonly source: LatentSource;
  readonly runtime: Runtime;
  readonly opened: Opened;
}

/** Clips of all sizes and windows of the recipe, encoded; windows of one picture share the small ones. */
async function openHrSets(
  recipe: HrRecipe,
  { clips, held }: OpenedClips,
  { source, runtime, opened, cache, ...options }: SetsOptions,
): Promise<ReadonlyMap<string, HrSet>> {
  const { stages, draft, group, seed, clips: counts, validation } = recipe;
  const buckets = new Map(
    stages.flatMap((stage) => stage.buckets.map((bucket) => [bucketKey(bucket), bucket] as const)),
  );
  const countOf = (bucket: HrBucket): number => {
    const fitting = clips.count(bucket.picture);
    return counts[bucketKey(bucket)] ?? Math.min(20 * group, fitting);
  };
  const request = { ...options, folder: cache };
  /** Small pictures of the very clips that large ones are windows of. */
  const smallSet = async (from: ClipSource, picture: Picture, count: number): Promise<LatentSet> => {
    const wanted = { ...request, clips: from.smaller(picture), picture: { ...picture, ...draft }, count };
    return opened.keep(await latentSet(source, runtime, wanted));
  };
  const smalls = new Map<string, LatentSet>();
  const sets = new Map<string, HrSet>();
  for (const [key, bucket] of buckets) {
    const whole = pictureKey(bucket.picture);
    const alike = [...buckets.values()].filter(({ picture }) => pictureKey(picture) === whole);
    const small = smalls.get(whole) ?? (await smallSet(clips, bucket.picture, Math.max(...alike.map(countOf))));
    smalls.set(whole, small);
    const count = countOf(bucket);
    const wanted = { ...request, clips, bucket, small, count, group: Math.min(group, count), seed };
    sets.set(key, opened.keep(await hrSet(source, runtime, wanted)));
  }
  if (!validation || !held) return sets;
  const bucket = validationBucketOf<HrBucket>(recipe);
  const small = await smallSet(held, bucket.picture, validation.clips);
  const wanted = { ...request, clips: held, bucket, small, count: validation.clips, group: 1, seed };
  return sets.set(heldOut, opened.keep(await hrSet(source, runtime, wanted)));
}

function configOf(
  { taps, guidance, form, conv, placement, moments }: HrRecipe,
  { transformer }: OpenedModel,
): HrConfig {
  const { layers } = transformer.config;
  const chosen = taps ?? proportionalTaps(layers);
  checkTaps(chosen, layers);
  return { transformer: transformer.config, taps: chosen, guidance, form, conv, placement, moments };
}

/** The small picture must be what the low-resolution model makes: it never learned others. Windows must fit. */
function checkSizes({ draft, stages }: HrRecipe, { settings, vae }: OpenedModel): void {
  for (const bucket of stages.flatMap(({ buckets }) => buckets)) {
    const { width, height } = gridOf(bucket.picture, vae.config);
    const { window } = bucket;
    if (window && (window.width > width || window.height > height))
      throw new InputError(`the window of ${bucketKey(bucket)} is larger than its picture of ${width}x${height} cells`);
  }
  if (draft.width !== settings.width || draft.height !== settings.height)
    throw new InputError(
      `the draft is ${draft.width}x${draft.height}, but ${settings.name} makes ${settings.width}x${settings.height}`,
      { hint: `write draft: ${settings.width}x${settings.height}` },
    );
}

function settingsOf({ defaults }: HrRecipe, { settings }: OpenedModel): Settings {
  const { shift, ...rest } = defaults;
  return { ...settings, hr: { ...rest, schedule: { kind: "uniform", shift } } };
}
