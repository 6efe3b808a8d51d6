/** Opened modules as a text-to-video model. Where their bytes come from is a platform's affair. */
import type { ContentHash } from "../base/content-hash.ts";
import { CheckpointError, InputError } from "../base/errors.ts";
import { parseJsonObject } from "../base/published-settings.ts";
import * as ltx from "../models/ltx/config.ts";
import { hrName } from "../models/ltx/hr-weights.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { HrTransformer } from "../models/ltx/two-stage.ts";
import { fromJson, type HrConfig } from "../models/ltx/two-stage-config.ts";
import * as ltxWeights from "../models/ltx/weights.ts";
import type { UpsamplerConfig } from "../models/ltx-upsampler/config.ts";
import * as upsampler from "../models/ltx-upsampler/config.ts";
import { LatentUpsampler } from "../models/ltx-upsampler/upsampler.ts";
import { publishedName } from "../models/ltx-upsampler/weights.ts";
import type { LtxVaeConfig } from "../models/ltx-vae/config.ts";
import * as vae from "../models/ltx-vae/config.ts";
import { generationOf } from "../models/ltx-vae/published.ts";
import { LtxVae } from "../models/ltx-vae/vae.ts";
import * as vaeWeights from "../models/ltx-vae/weights.ts";
import { fromTransformers, T5Encoder } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import * as t5Weights from "../models/t5/weights.ts";
import { faultsOf } from "../schema/faults.ts";
import type { Compat } from "../schema/request.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import { readFloat32 } from "../weights/safetensors.ts";
import { weightsFor } from "../weights/weights-of.ts";
import { type Part, type Settings, settingsSchema, type TextToVideoModel } from "./model.ts";
import { checkWidths, type Evidence, recognise } from "./recognise.ts";

/** A model that holds files; they stay open until `close`. */
export interface OpenedModel extends TextToVideoModel {
  close(): Promise<void>;
}

/** The folders of a pipeline that hold weights. */
export const moduleNames = ["transformer", "vae", "text_encoder"] as const;
export type ModuleName = (typeof moduleNames)[number];
/** The folder of the high-resolution model, where there is one. */
export const hrModule = "hr_transformer";
/** The folder of the latent upsampler, where there is one. */
export const upsamplerModule = "latent_upsampler";
export const optionalModules = [hrModule, upsamplerModule] as const;

export interface Module {
  /** The parsed config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly checkpoint: Checkpoint;
  /** Of the weight files, in the order of their names. */
  readonly hash: ContentHash;
}

export interface ModelParts {
  /** Of a turbo2k.json; without one they follow from the release that the modules are recognised as. */
  readonly settings?: Settings | undefined;
  readonly tokenizer: TextTokenizer;
  readonly modules: Readonly<Record<ModuleName, Module>> & {
    readonly [name in (typeof optionalModules)[number]]?: Module | undefined;
  };
  /** What else is known of where the modules come from. */
  readonly evidence?: Omit<Evidence, "transformer" | "vae" | "text"> | undefined;
  readonly compat?: Compat | undefined;
}

/**
 * Reads the configs and finds every weight; no tensor but the latents' statistics is read. Closing the model closes its
 * modules.
 * @throws CheckpointError that lists all that is missing, unexpected or misshapen in a module, or says why modules do
 * not belong together; InputError for `compat` with a model that has settings of its own
 */
export async function assembleModel(parts: ModelParts): Promise<OpenedModel> {
  const { tokenizer, modules } = parts;
  const { transformer, vae: autoencoder, text_encoder: text, hr_transformer: hr, latent_upsampler } = modules;
  const files = [...moduleNames, ...optionalModules].flatMap((name) => {
    const module = modules[name];
    return module ? [{ name, ...module }] : [];
  });
  const vaeConfig = await vaeConfigOf(autoencoder);
  const t5Config = fromTransformers(text.config);
  const ltxStored = ltx.fromDiffusers(transformer.config);
  const { settings, causalPositions } = identify(parts, {
    transformer: ltxStored,
    vae: vaeConfig,
    text: t5Config,
  });
  const ltxConfig = { ...ltxStored, causalPositions };
  return {
    settings,
    tokenizer,
    transformer: {
      config: ltxConfig,
      weights: weightsFor(new LtxTransformer(ltxConfig), transformer.checkpoint, { name: ltxWeights.diffusersName }),
    },
    hr: hr && (await highResolution(hr, transformer, ltxConfig)),
    upsampler: latent_upsampler && upsamplerFor(latent_upsampler, ltxConfig, parts.settings ? undefined : vaeConfig),
    text: {
      config: t5Config,
      weights: weightsFor(new T5Encoder(t5Config), text.checkpoint, {
        name: t5Weights.transformersName,
        ignore: t5Weights.isAlias,
      }),
    },
    vae: autoencoderPart(vaeConfig, autoencoder),
    statistics: await statisticsOf(autoencoder.checkpoint, vaeConfig.latentChannels),
    files: files.map(({ name, hash }) => ({ name, hash })),
    async close() {
      for (const { hash } of files) hash.stop?.();
      await Promise.all(files.map(({ checkpoint }) => checkpoint.close()));
    },
  };
}

/** A model as far as latents need it to become frames. */
export type OpenedDecoder = Pick<OpenedModel, "settings" | "vae" | "statistics" | "files" | "close">;

export interface DecoderParts extends Pick<ModelParts, "settings" | "evidence" | "compat"> {
  readonly modules: Pick<ModelParts["modules"], "transformer" | "vae">;
}

/** As `assembleModel`, without a text encoder; of the transformer only the settings are looked at. */
export async function assembleDecoder(parts: DecoderParts): Promise<OpenedDecoder> {
  const { transformer, vae: autoencoder } = parts.modules;
  const config = await vaeConfigOf(autoencoder);
  const { settings } = identify(parts, { transformer: ltx.fromDiffusers(transformer.config), vae: config });
  return {
    settings,
    vae: autoencoderPart(config, autoencoder),
    statistics: await statisticsOf(autoencoder.checkpoint, config.latentChannels),
    files: [{ name: "vae", hash: autoencoder.hash }],
    async close() {
      autoencoder.hash.stop?.();
      await Promise.all([transformer, autoencoder].map(({ checkpoint }) => checkpoint.close()));
    },
  };
}

const autoencoderPart = (config: LtxVaeConfig, { checkpoint }: Module): Part<LtxVaeConfig> => ({
  config,
  weights: weightsFor(new LtxVae(config), checkpoint, {
    name: vaeWeights.diffusersName,
    ignore: vaeWeights.isStatistic,
  }),
});

/** @throws CheckpointError for a model that was trained on the features of another one */
async function highResolution(
  { config: json, checkpoint }: Module,
  base: Module,
  baseConfig: ltx.LtxConfig,
): Promise<Part<HrConfig>> {
  const where = hrModule;
  const config = fromJson(json);
  const { causalPositions } = baseConfig;
  const [own, other] = [{ causalPositions, ...config.transformer }, baseConfig].map(ltx.toDiffusers);
  if (JSON.stringify(own) !== JSON.stringify(other) || json["base"] !== (await base.hash.sha256()))
    throw new CheckpointError("the high-resolution model belongs to another low-resolution model", {
      where,
      hint: `it was trained on the features of transformer ${String(json["base"]).slice(0, 12)}…; train it anew for this one`,
    });
  return { config, weights: weightsFor(new HrTransformer(config), checkpoint, { name: hrName }) };
}

/** @throws CheckpointError for one that is no latent upsampler of this model's latents, in space alone */
function upsamplerFor(
  { config: json, checkpoint }: Module,
  { channels }: ltx.LtxConfig,
  published: LtxVaeConfig | undefined,
): Part<UpsamplerConfig> {
  const config = upsampler.fromDiffusers(json);
  if (config.channels !== channels || !config.space || config.time)
    throw new CheckpointError("this latent upsampler does not fit the model", {
      where: checkpoint.name,
      hint: `expected one that doubles height and width of latents with ${channels} channels (ltxv-spatial-upscaler)`,
    });
  if (published && generationOf(published) !== "0.9.5")
    throw new CheckpointError(`latent upsamplers know latents of 0.9.5 and later, not of ${generationOf(published)}`, {
      where: checkpoint.name,
    });
  return { config, weights: weightsFor(new LatentUpsampler(config), checkpoint, { name: publishedName }) };
}

/** What a model is run with. One with settings of its own is no published one: only widths have to agree then. */
function identify(
  { settings, evidence, compat }: Pick<ModelParts, "settings" | "evidence" | "compat">,
  configs: Pick<Evidence, "transformer" | "vae" | "text">,
): { settings: Settings; causalPositions: boolean } {
  if (!settings) return recognise({ ...configs, names: [], ...evidence }, compat);
  if (compat)
    throw new InputError(`${settings.name} says itself what it is run with`, {
      hint: "leave out --compat; it is for published checkpoints",
    });
  checkWidths(configs);
  return { settings, causalPositions: configs.transformer.causalPositions ?? false };
}

/** An autoencoder's settings, with those that lie among its weights. */
export async function vaeConfigOf({
  config,
  checkpoint,
}: Pick<Module, "config" | "checkpoint">): Promise<LtxVaeConfig> {
  const settings = vae.fromDiffusers(config);
  const scale = checkpoint.tensors.get("decoder.timestep_scale_multiplier");
  if (!scale) return settings;
  return { ...settings, decoder: { ...settings.decoder, timestepScale: (await readFloat32(scale))[0]! } };
}

/**
 * Mean and deviation of each latent channel; without them latents are used as they are.
 * @throws CheckpointError for any that latents cannot be normalised by
 */
export async function statisticsOf(
  { tensors, name: where }: Pick<Checkpoint, "tensors" | "name">,
  channels: number,
): Promise<{ mean: Float32Array; deviation: Float32Array }> {
  const read = async (name: string, fallback: number, isSound: (value: number) => boolean) => {
    const entry = tensors.get(name);
    if (!entry) return new Float32Array(channels).fill(fallback);
    const values = await readFloat32(entry);
    const bad = values.find((value) => !isSound(value));
    if (values.length === channels && bad === undefined) return values;
    const got = bad === undefined ? `has ${values.length} values for ${channels} channels` : `holds ${bad}`;
    throw new CheckpointError(`the autoencoder is damaged: "${name}" ${got}`, { where, hint: "download it again" });
  };
  return {
    mean: await read("latents_mean", 0, Number.isFinite),
    deviation: await read("latents_std", 1, (value) => value > 0 && Number.isFinite(value)),
  };
}

/** The text of a turbo2k.json. @throws CheckpointError that names each field that is not as it should be */
export function parseSettings(text: string, where: string): Settings {
  const json = parseJsonObject(text, where);
  const { data, error } = settingsSchema.safeParse(json);
  if (data) return data;
  throw new CheckpointError(faultsOf(error, json).join("; "), {
    where,
    cause: error,
    hint: "the file is damaged, or was written by another version of turbo2k",
  });
}
