/**
 * Two-stage synthesis (Turbo2K, arXiv 2504.14470, Sec. 3.2): a low-resolution draft whose block features, not pixels, guide
 * the high-resolution model from pure noise. Nothing is decoded in between.
 */
import { CancelledError } from "../base/errors.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { isGuided } from "../samplers/guidance.ts";
import { sample } from "../samplers/sampler.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { type Draft, givesFeatures, guidanceIn, hrSettings } from "./draft.ts";
import { batchOf, type Execution, roomy } from "./execution.ts";
import { type FinishedDraft, openGuide } from "./guide.ts";
import { denormalise, gridOf, unpack, type VideoSize } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import { openRefiner } from "./refiner.ts";
import { encodeText, secondOf, type TextStates } from "./text.ts";
import { decode, initialNoise, type PipelineEvent, type PipelineOptions } from "./text-to-video.ts";
import { walk } from "./walk.ts";

export interface TwoStageRequest extends VideoSize {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
  readonly fps: number;
  /** Of the second stage, 1 first and 0 last. */
  readonly sigmas: readonly number[];
  /** Of the second stage; 1 is off. */
  readonly guidanceScale: number;
  readonly draft: Draft;
}

/**
 * Generates one video; the request's size is that of the second stage.
 * @throws InputError for a model without a second stage and for sizes off the grid
 * @throws CancelledError once `signal` aborts, between two steps
 */
export async function* twoStage(
  model: TextToVideoModel,
  runtime: Runtime,
  request: TwoStageRequest,
  { signal, execution = roomy, cache }: PipelineOptions = {},
): AsyncGenerator<PipelineEvent> {
  const { sampler } = hrSettings(model);
  const { draft, prompt, negativePrompt, fps, sigmas, seed } = request;
  const [small, large] = [gridOf(draft, model.vae.config), gridOf(request, model.vae.config)];
  const check = () => {
    if (signal?.aborted) throw new CancelledError();
  };
  check();
  yield { type: "started", grid: large, sigmas };
  const both = await encodeText(model, runtime, [negativePrompt, prompt], { holding: execution.text, cache });
  yield { type: "text", truncated: both.truncated[1]! };
  check();

  const texts = { both, given: secondOf(both) };
  const clean = cleaner(model);
  const finished = yield* drawDraft(model, runtime, { request, small, texts, check, execution });
  yield { type: "draft", latents: clean(finished.tokens, small), grid: small };
  check();

  const guide = await openGuide(model, runtime, {
    draft: finished,
    large,
    text: texts.given,
    fps,
    seed,
    execution,
  });
  try {
    yield { type: "guide" };
    check();
    const { guidanceScale } = request;
    const text = guidanceScale === 1 ? texts.given : both;
    const batch = batchOf(guidanceScale, execution);
    const options = { large, small, fps, batch, guidanceScale, text, guide, execution };
    const { denoise, dispose } = await openRefiner(model, runtime, options);
    const { channels } = model.transformer.config;
    let x = initialNoise(channels, large, seed, "high-resolution latents");
    const fresh = (index: number) => initialNoise(channels, large, seed, `refining step ${index}`);
    const steps = sample(sampler ?? "euler", denoise, x, sigmas, fresh);
    try {
      for await (const { index, sigma, x: next, denoised } of steps) {
        x = next;
        const estimate = () => clean(denoised, large);
        yield { type: "step", stage: "refine", index, steps: sigmas.length - 1, sigma, estimate };
        check();
      }
    } finally {
      dispose();
    }
    const latents = clean(x, large);
    yield { type: "latents", latents, grid: large };
    check();
    yield* decode(model, runtime, latents, large, request, { signal, execution });
  } finally {
    guide.dispose();
  }
}

/** Packed tokens to latents [C, f, h, w], not normalised. */
const cleaner =
  ({ transformer, statistics }: TextToVideoModel) =>
  (tokens: Float32Array, grid: Grid): Float32Array =>
    denormalise(unpack(tokens, transformer.config.channels, grid), statistics);

interface DraftOptions {
  readonly request: TwoStageRequest;
  readonly small: Grid;
  readonly texts: { readonly both: TextStates; readonly given: TextStates };
  readonly check: () => void;
  readonly execution: Execution;
}

/** The low-resolution stage; the features of a plain last step at `guideSigma` are kept, so that they cost nothing. */
async function* drawDraft(
  model: TextToVideoModel,
  runtime: Runtime,
  { request, small, texts, check, execution }: DraftOptions,
): AsyncGenerator<PipelineEvent, FinishedDraft> {
  const { draft, fps, seed } = request;
  const guidance = guidanceIn(draft);
  const isFree = givesFeatures(draft, model);
  const { tokens, features } = yield* walk(model, runtime, {
    stage: "draft",
    grid: small,
    fps,
    seed,
    text: guidance.some(isGuided) ? texts.both : texts.given,
    guidance,
    sigmas: draft.sigmas,
    start: initialNoise(model.transformer.config.channels, small, seed),
    conditions: [],
    taps: isFree ? model.hr!.config.taps : [],
    execution,
    check,
  });
  return { grid: small, tokens, features: isFree ? features : undefined };
}
