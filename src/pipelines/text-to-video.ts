/** Text to video: prompt, states, noise, steps, latents, frames. */
import { CancelledError, InputError } from "../base/errors.ts";
import { gaussian } from "../base/philox.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { type GuidanceStage, isGuided } from "../samplers/guidance.ts";
import { explicit } from "../samplers/schedules.ts";
import type { Runtime } from "../tensor/runtime.ts";
import type { Frame } from "../video/frame.ts";
import type { Condition } from "./conditioning.ts";
import { decodeFrames } from "./decode.ts";
import { withDecodeNoise } from "./decode-noise.ts";
import { type Execution, roomy } from "./execution.ts";
import { denormalise, gridOf, pack, unpack, type VideoSize } from "./latents.ts";
import { defaultSigmas, guidanceOf, type TextToVideoModel } from "./model.ts";
import { encodeText, type TextCache } from "./text.ts";
import { toneMapped } from "./tone-map.ts";
import { walk } from "./walk.ts";

export interface TextToVideoRequest extends VideoSize {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly seed: number;
  readonly fps?: number;
  readonly steps?: number;
  /** Guidance by noise level; without it `guidanceScale` at all of them, or the model's own. */
  readonly guidance?: readonly GuidanceStage[] | undefined;
  readonly guidanceScale?: number;
  /** Noise levels to step through, in place of the model's schedule. */
  readonly sigmas?: readonly number[];
  /** Pictures and clips that are part of the video. */
  readonly conditions?: readonly Condition[] | undefined;
}

/** How, rather than what. */
export interface PipelineOptions {
  readonly signal?: AbortSignal | undefined;
  /** Memory for speed, as a plan decided. Default: all at once. */
  readonly execution?: Execution | undefined;
  /** States of prompts that were encoded before. */
  readonly cache?: TextCache | undefined;
}

/** What is known after each stage, in order. Latents are [C, f, h, w], not normalised. */
export type PipelineEvent =
  | { readonly type: "started"; readonly grid: Grid; readonly sigmas: readonly number[] }
  | { readonly type: "text"; readonly truncated: boolean }
  | {
      readonly type: "step";
      /** In two stages: `draft`, then `refine`. */
      readonly stage: "denoise" | "draft" | "refine";
      readonly index: number;
      readonly steps: number;
      readonly sigma: number;
      /** The clean estimate, to preview. */
      readonly estimate: () => Float32Array;
    }
  /** In two stages: the low-resolution latents are there; then what the second stage takes from them. */
  | { readonly type: "draft"; readonly latents: Float32Array; readonly grid: Grid }
  | { readonly type: "guide" }
  | { readonly type: "latents"; readonly latents: Float32Array; readonly grid: Grid }
  | { readonly type: "frame"; readonly index: number; readonly frames: number; readonly frame: Frame };

/**
 * Generates one video.
 * @throws InputError for an empty prompt, a size off the grid, bad steps or sigmas
 * @throws CancelledError once `signal` aborts, between two stages
 */
export async function* textToVideo(
  model: TextToVideoModel,
  runtime: Runtime,
  request: TextToVideoRequest,
  { signal, execution = roomy, cache }: PipelineOptions = {},
): AsyncGenerator<PipelineEvent> {
  const { settings } = model;
  const { prompt, negativePrompt = settings.negativePrompt ?? "", seed, fps = settings.fps } = request;
  if (!prompt.trim()) throw new InputError("the prompt is empty", { hint: 'for example "a red ball moving left"' });
  const grid = gridOf(request, model.vae.config);
  const sigmas = request.sigmas ? explicit(request.sigmas) : defaultSigmas(settings, request.steps, tokensOf(grid));
  const guidance = request.guidance ?? guidanceOf(settings, request);
  const check = () => {
    if (signal?.aborted) throw new CancelledError();
  };
  check();
  yield { type: "started", grid, sigmas };

  const prompts = guidance.some(isGuided) ? [negativePrompt, prompt] : [prompt];
  const text = await encodeText(model, runtime, prompts, { holding: execution.text, cache });
  yield { type: "text", truncated: text.truncated.at(-1)! };
  check();

  const { conditions = [] } = request;
  const { channels } = model.transformer.config;
  const start = initialNoise(channels, grid, seed);
  const pass = {
    stage: "denoise",
    grid,
    fps,
    seed,
    text,
    guidance,
    sigmas,
    start,
    conditions,
    execution,
    check,
  } as const;
  const { tokens } = yield* walk(model, runtime, pass);
  const latents = denormalise(unpack(tokens, channels, grid), model.statistics);
  yield { type: "latents", latents, grid };
  check();
  yield* decode(model, runtime, latents, grid, request, { signal, execution });
}

/** Standard normal tokens [N, C] of a seed, the same on every device. */
export const initialNoise = (channels: number, grid: Grid, seed: number, of = "latents"): Float32Array =>
  pack(gaussian(channels * tokensOf(grid), seed, of), channels);

export interface DecodeRequest {
  readonly frames: number;
  /** Of the noise that some decoders take. */
  readonly seed: number;
  /** Compression of strong latents, from 0 to 1, as the second pass of some releases has it. */
  readonly toneMap?: number | undefined;
}

/** The last stage alone, for latents that an earlier run saved. */
export async function* decode(
  { settings, vae, statistics }: Pick<TextToVideoModel, "settings" | "vae" | "statistics">,
  runtime: Runtime,
  latents: Float32Array,
  grid: Grid,
  { frames, seed, toneMap = 0 }: DecodeRequest,
  { signal, execution = roomy }: PipelineOptions = {},
): AsyncGenerator<PipelineEvent> {
  let index = 0;
  const noisy = withDecodeNoise(latents, settings, { config: vae.config, statistics, seed });
  const mapped = toneMap ? toneMapped(noisy, toneMap, statistics) : noisy;
  const options = { ...execution, timestep: settings.decode?.timestep, seed };
  for await (const frame of decodeFrames({ vae }, runtime, mapped, grid, options)) {
    if (signal?.aborted) throw new CancelledError();
    yield { type: "frame", index, frames, frame };
    index++;
  }
}
