/** What a text-to-video pipeline is made of. Platforms load it; see `platform/node/models`. */
import { z } from "zod";
import type { ContentHash } from "../base/content-hash.ts";
import type { LtxConfig } from "../models/ltx/config.ts";
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import type { UpsamplerConfig } from "../models/ltx-upsampler/config.ts";
import type { LtxVaeConfig } from "../models/ltx-vae/config.ts";
import type { T5Config } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import {
  explicit,
  isFiniteAsPublished,
  linearQuadratic,
  ltxShift,
  shiftFor,
  shiftSigmas,
  uniform,
} from "../samplers/schedules.ts";
import type { Receipt } from "../schema/receipt.ts";
import { guidanceStageSchema, samplers } from "../schema/request.ts";
import type { Weights } from "../tensor/runtime.ts";

const count = z.int().positive();

/** How noise levels are spaced. */
export const scheduleSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("dynamic-shift"),
    /** What is shifted. */
    base: z.enum(["even", "linear-quadratic"]).default("even"),
    /** Whether the shift is kept to the range that models were trained in, rather than grow with the video. */
    clamp: z.boolean().default(true),
    /** Last noise level before 0; null leaves it where the shift puts it. */
    terminal: z.number().gt(0).lt(1).nullable().default(0.1),
  }),
  z.strictObject({ kind: z.literal("linear-quadratic") }),
  z.strictObject({ kind: z.literal("uniform"), shift: z.number().positive().default(1) }),
]);

/** One of the two passes of a multi-scale pipeline; what is missing is the model's own. */
const passSchema = z.strictObject({
  /** Noise levels, in place of those of a schedule. */
  sigmas: z.array(z.number()).min(1).optional(),
  /** Steps of the schedule, of which some are left out where it begins and where it ends. */
  steps: count.optional(),
  skipFirst: z.int().nonnegative().default(0),
  skipLast: z.int().nonnegative().default(0),
  guidance: z.array(guidanceStageSchema).min(1).optional(),
});

/** A small video, its latents upscaled, then noised a little and denoised again (LTX-Video 0.9.7 and later). */
const multiScaleSchema = z.strictObject({
  /** Sides of the first pass, as a share of what is asked for. */
  downscale: z.number().gt(0).max(1).default(0.6666666),
  first: passSchema.optional(),
  second: passSchema.optional(),
  /** See `toneMapped`. */
  toneMap: z.number().min(0).max(1).optional(),
});

/** An instruction around prompts, for language models that answer to one. */
const promptTemplateSchema = z.strictObject({
  /** Where `{}` stands, the prompt does. */
  text: z.string().refine((text) => text.split("{}").length === 2, "must hold {} once"),
  /** Tokens at the beginning whose states are dropped: those of the instruction. */
  crop: z.int().nonnegative().default(0),
  /** Last layers that are left out, and the norm behind them with them. */
  skip: z.int().nonnegative().default(0),
});

/** `stochastic`: with fresh noise in every step; Euler steps where absent. */
export const samplerSchema = z.enum(samplers);

/** What a model does when nothing else is asked; `turbo2k.json` beside `model_index.json`. */
export const settingsSchema = z.strictObject({
  name: z.string(),
  width: count,
  height: count,
  frames: count,
  fps: z.number().positive(),
  steps: count,
  guidanceScale: z.number().nonnegative(),
  /** Text tokens, padding included. */
  textLength: count,
  /** Around prompts for the language model of a HunyuanVideo-style model; its `textLength` counts what is kept. */
  promptTemplate: promptTemplateSchema.optional(),
  schedule: scheduleSchema,
  /** Noise levels that a distilled model was trained for, in place of the schedule. */
  sigmas: z.array(z.number()).min(1).optional(),
  /** Guidance by noise level, where it is more than `guidanceScale`. */
  guidance: z.array(guidanceStageSchema).min(1).optional(),
  sampler: samplerSchema.optional(),
  negativePrompt: z.string().optional(),
  /** Whether the text encoder is told which tokens are padding; it is where absent. */
  maskText: z.boolean().optional(),
  /** For decoders that take a noise level. */
  decode: z
    .strictObject({
      timestep: z.number().min(0).max(1),
      /** Share of noise in the latents. */
      noise: z.number().min(0).max(1),
      /** Where the noise has unit deviation: in latents as the transformer sees them, or as the decoder does. */
      space: z.enum(["normalised", "raw"]),
    })
    .optional(),
  /** The second stage, for models that have one: few steps, without classifier-free guidance unless `guidanceScale` says so. */
  hr: z
    .strictObject({
      steps: count,
      schedule: scheduleSchema,
      guidanceScale: z.number().nonnegative().default(1),
      sampler: samplerSchema.optional(),
    })
    .optional(),
  /** For models with a latent upsampler. */
  multiScale: multiScaleSchema.optional(),
  /** Preset of the procedural world that the model was trained on: it knows no other words. */
  world: z.string().optional(),
});

export type Settings = z.infer<typeof settingsSchema>;
export type PromptTemplate = NonNullable<Settings["promptTemplate"]>;
export type MultiScale = NonNullable<Settings["multiScale"]>;
type DynamicShiftSchedule = Extract<Settings["schedule"], { kind: "dynamic-shift" }>;

/** Recommended for every published decoder that takes a noise level (Lightricks/LTX-Video, `configs`). */
export const publishedDecode = { timestep: 0.05, noise: 0.025, space: "normalised" } as const;

/** What a request may ask of guidance. */
export interface AskedGuidance {
  readonly guidanceScale?: number | undefined;
  readonly guidanceRescale?: number | undefined;
  readonly stgScale?: number | undefined;
  readonly stgBlocks?: readonly number[] | undefined;
}

/** The model's guidance with what a request asks for in its place, at every noise level. */
export function guidanceOf({ guidance, guidanceScale }: Settings, asked: AskedGuidance): GuidanceStage[] {
  const stages: readonly GuidanceStage[] = guidance ?? [{ from: 0, scale: guidanceScale }];
  const change = {
    ...(asked.guidanceScale === undefined ? {} : { scale: asked.guidanceScale }),
    ...(asked.guidanceRescale === undefined ? {} : { rescale: asked.guidanceRescale }),
    ...(asked.stgScale === undefined ? {} : { stg: asked.stgScale }),
    ...(asked.stgBlocks === undefined ? {} : { blocks: asked.stgBlocks }),
  };
  return stages.map((stage) => ({ ...stage, ...change }));
}

/** A module's settings and its weights by our own field paths. */
export interface Part<Config> {
  readonly config: Config;
  readonly weights: Weights;
}

export interface TransformerPart<Config> extends Part<Config> {
  /** How the linear layers of its blocks multiply: in floats where absent, or in 8 bits (`w8a8.ts`). */
  readonly linears?: "w8a8";
}

export interface TextToVideoModel {
  readonly settings: Settings;
  readonly tokenizer: TextTokenizer;
  readonly text: Part<T5Config>;
  readonly transformer: TransformerPart<LtxConfig>;
  /** The high-resolution model of two-stage synthesis, where there is one. */
  readonly hr?: TransformerPart<HrConfig> | undefined;
  /** Doubles the sides of latents, for multi-scale synthesis. */
  readonly upsampler?: Part<UpsamplerConfig> | undefined;
  readonly vae: Part<LtxVaeConfig>;
  /** Per latent channel: models see (z - mean) / deviation. */
  readonly statistics: { readonly mean: Float32Array; readonly deviation: Float32Array };
  /** Modules with the hashes of their files, for receipts. */
  readonly files: readonly { readonly name: string; readonly hash: ContentHash }[];
  /** What its transformer was adapted with. */
  readonly loras?: Receipt["loras"];
}

/** What a model steps through where a request names no noise levels: 1 first, 0 last. */
export function defaultSigmas(
  { schedule, sigmas, steps }: Settings,
  asked: number | undefined,
  tokens: number,
): number[] {
  return sigmas && (asked === undefined || asked === sigmas.length)
    ? explicit(sigmas)
    : sigmasOf(schedule, asked ?? steps, tokens);
}

/** Noise levels of a schedule, 1 first and 0 last. */
export function sigmasOf(schedule: Settings["schedule"], steps: number, tokens: number): number[] {
  switch (schedule.kind) {
    case "dynamic-shift":
      return shiftedSigmas(schedule, steps, tokens);
    case "linear-quadratic":
      return linearQuadratic(steps);
    case "uniform":
      return uniform(steps, schedule.shift);
  }
}

/** Shifted by the number of tokens: as published, but clamped where the published arithmetic would give no numbers. */
function shiftedSigmas({ base, clamp, terminal }: DynamicShiftSchedule, steps: number, tokens: number): number[] {
  const sigmas = (base === "even" ? uniform : linearQuadratic)(steps).slice(0, -1);
  const published = shiftFor(tokens, { ...ltxShift, clamp: false });
  const isUsable = terminal === null || isFiniteAsPublished(sigmas, published);
  const shift = clamp || !isUsable ? shiftFor(tokens, ltxShift) : published;
  return [...shiftSigmas(sigmas, shift, terminal), 0];
}
