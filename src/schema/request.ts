/** What can be asked of `generate`: by flags, by a config file, later over HTTP. */
import { z } from "zod";
import { InputError } from "../base/errors.ts";

/** Range of a number that a user may give. */
export interface Limit {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

const whole = (least: number, most: number): Limit => ({ least, most, whole: true });
const real = (least: number, most: number): Limit => ({ least, most, whole: false });

export const limits = {
  width: whole(16, 16384),
  height: whole(16, 16384),
  frames: whole(1, 100_000),
  seconds: real(0.001, 3600),
  fps: real(1, 240),
  steps: whole(1, 1000),
  hrSteps: whole(1, 1000),
  stages: whole(1, 2),
  guidanceScale: real(0, 100),
  guidanceRescale: real(0, 1),
  stgScale: real(0, 100),
  seed: whole(0, Number.MAX_SAFE_INTEGER),
} satisfies Record<string, Limit>;

/** What a number of this range is called in errors. */
export const describeLimit = ({ least, most, whole }: Limit): string =>
  `a ${whole ? "whole " : ""}number from ${least} to ${most}`;

function within(limit: Limit) {
  const error = ({ input }: { input?: unknown }) => `must be ${describeLimit(limit)}, got ${JSON.stringify(input)}`;
  const number = z.number({ error });
  return (limit.whole ? number.int({ error }) : number).min(limit.least, { error }).max(limit.most, { error });
}

export const sizeNames = { "2k": [2560, 1440], "1080p": [1920, 1080], "720p": [1280, 720] } as const;

/** `2k`, `1080p`, `720p` or WxH. */
export function parseSize(text: string): { width: number; height: number } {
  const named = sizeNames[text.toLowerCase() as keyof typeof sizeNames] as readonly [number, number] | undefined;
  const [width, height] = named ?? /^(\d{1,6})\s*[x×]\s*(\d{1,6})$/i.exec(text)?.slice(1).map(Number) ?? [];
  const fits = (side: number | undefined) =>
    side !== undefined && side >= limits.width.least && side <= limits.width.most;
  if (!fits(width) || !fits(height))
    throw new InputError(
      `size must be ${Object.keys(sizeNames).join(", ")} or WIDTHxHEIGHT with sides from ${limits.width.least} to ${limits.width.most}, got ${JSON.stringify(text)}`,
    );
  return { width: width!, height: height! };
}

export interface GivenImage {
  readonly path: string;
  /** Frame of the video that it is. */
  readonly frame: number;
  /** 1 keeps it as it is. */
  readonly strength: number;
}

/** `FILE[@FRAME[:STRENGTH]]`. */
export function parseImage(text: string): GivenImage {
  const [, path, frame = "0", strength = "1"] = /^(.+?)(?:@(\d+)(?::(\d*\.?\d+))?)?$/.exec(text) ?? [];
  const given = { path: path ?? "", frame: Number(frame), strength: Number(strength) };
  if (!given.path || !(given.strength > 0 && given.strength <= 1))
    throw new InputError(`an image is FILE, FILE@FRAME or FILE@FRAME:STRENGTH, got ${JSON.stringify(text)}`, {
      hint: "for example start.png, or end.png@48:0.8 with a strength above 0 and up to 1",
    });
  return given;
}

/** `FILE[:FRAMES]`: how many of the last frames of a video the new one begins with. */
export function parseExtend(text: string): { readonly path: string; readonly frames: number | undefined } {
  const [, path = text, frames] = /^(.+?)(?::(\d+))?$/.exec(text) ?? [];
  return { path, frames: frames === undefined ? undefined : Number(frames) };
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** `12GB`, `900MB`, `8GiB` in bytes. */
export function parseBytes(text: string): number {
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*$/i.exec(text) ?? [];
  const bytes = Number(number) * (units[unit.toLowerCase()] ?? Number.NaN);
  if (!(bytes >= 1e8 && bytes <= 1e15))
    throw new InputError(`memory must be a size of at least 100MB, got ${JSON.stringify(text)}`, {
      hint: "for example 12GB",
    });
  return bytes;
}

/** The memory that a request allows itself. */
export const memoryOf = ({ memory }: Pick<GenerateRequest, "memory">): number | undefined =>
  memory === undefined ? undefined : parseBytes(memory);

export const devices = ["auto", "cpu", "webgpu"] as const;

/** How noise levels are walked: Euler steps, or steps with fresh noise. */
export const samplers = ["euler", "stochastic"] as const;
export type Sampler = (typeof samplers)[number];

/** Whose defaults a published checkpoint gets where its makers' code and diffusers differ. */
export const compats = ["original", "diffusers"] as const;
export type Compat = (typeof compats)[number];

/** How predictions are combined from a noise level on (`samplers/guidance.ts`). */
export const guidanceStageSchema = z.strictObject({
  from: z.number().nonnegative(),
  scale: z.number().nonnegative(),
  stg: z.number().optional(),
  blocks: z.array(z.int().nonnegative()).optional(),
  rescale: z.number().min(0).max(1).optional(),
  star: z.boolean().optional(),
});

export const requestSchema = z
  .strictObject({
    prompt: z.string(),
    model: z.string(),
    output: z.string(),
    size: z.string(),
    width: within(limits.width),
    height: within(limits.height),
    frames: within(limits.frames),
    seconds: within(limits.seconds),
    fps: within(limits.fps),
    /** Of the draft, where there are two stages. */
    steps: within(limits.steps),
    /** Of the second stage. */
    hrSteps: within(limits.hrSteps),
    /** 1: directly at the full size. 2: a draft, then the high-resolution stage. Default: 2 for large pictures. */
    stages: within(limits.stages),
    guidanceScale: within(limits.guidanceScale),
    /** Share of the guided prediction that is brought back to the spread of the one with the prompt. */
    guidanceRescale: within(limits.guidanceRescale),
    /** Spatio-temporal guidance; 0 is off. */
    stgScale: within(limits.stgScale),
    /** Blocks that it perturbs. */
    stgBlocks: z.array(z.int().nonnegative()).min(1),
    negativePrompt: z.string(),
    seed: within(limits.seed),
    /** Noise levels to step through, in place of the model's schedule. */
    sigmas: z.array(z.number()).min(1),
    /** LoRAs, each FILE or FILE:WEIGHT. */
    lora: z.array(z.string()),
    /** Pictures that are part of the video, as `parseImage` reads them. */
    image: z.array(z.string()),
    /** A video to go on from, as `parseExtend` reads it. */
    extend: z.string(),
    /** Where a single-file checkpoint's text encoder lies. */
    textEncoder: z.string(),
    /** Where its autoencoder lies, if it has none. */
    vae: z.string(),
    /** Where its latent upsampler lies, for the multi-scale pipeline. */
    upsampler: z.string(),
    /** A ComfyUI folder; the model is then a file in it. */
    comfyRoot: z.string(),
    compat: z.enum(compats),
    device: z.enum(devices),
    /** What the process may take, as `parseBytes` reads it. */
    memory: z.string(),
    /** Keep what large text encoders make of prompts on disk. */
    cache: z.boolean(),
    /** Replace an existing output. */
    force: z.boolean(),
    /** Write a contact sheet of the estimate every few steps. */
    preview: z.boolean(),
    /** Keep the latents after they are decoded. */
    keepLatents: z.boolean(),
    /** Keep the draft of two stages, as latents and as a video. */
    keepStages: z.boolean(),
  })
  .partial();

/** What is missing is the model's default. */
export type GenerateRequest = z.infer<typeof requestSchema>;
export type RequestKey = keyof GenerateRequest;

export const requestKeys = Object.keys(requestSchema.shape) as RequestKey[];
