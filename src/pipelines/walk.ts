/** From noise, or from noised latents, to clean tokens: the steps of one pass, with what is given in their place. */
import { gaussian } from "../base/philox.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import { sample } from "../samplers/sampler.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { coverFrame } from "../video/resize.ts";
import { type Condition, type Conditioned, condition, type EncodedCondition } from "./conditioning.ts";
import { positionsOf } from "./denoiser.ts";
import { encodeFrames } from "./encode-frames.ts";
import type { Execution } from "./execution.ts";
import { openGuidedDenoiser } from "./guided-denoiser.ts";
import { denormalise, pack, unpack } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import type { TextStates } from "./text.ts";
import type { PipelineEvent } from "./text-to-video.ts";

export interface Walk {
  readonly stage: "denoise" | "draft" | "refine";
  readonly grid: Grid;
  readonly fps: number;
  readonly seed: number;
  /** Of the negative prompt, where any stage is guided, then of the prompt. */
  readonly text: TextStates;
  readonly guidance: readonly GuidanceStage[];
  /** Noise levels, falling to 0. */
  readonly sigmas: readonly number[];
  /** Packed tokens [N, C] at the first of them. */
  readonly start: Float32Array;
  readonly conditions: readonly Condition[];
  readonly execution: Execution;
  /** Blocks whose features in the last step are wanted: with plain guidance only, of one scale. */
  readonly taps?: readonly number[];
  /** Throws where the caller has lost interest. */
  readonly check: () => void;
}

export interface Walked {
  /** Clean tokens [N, C], normalised. */
  readonly tokens: Float32Array;
  /** One for each tap. */
  readonly features: readonly HostTensor[];
}

export async function* walk(
  model: TextToVideoModel,
  runtime: Runtime,
  options: Walk,
): AsyncGenerator<PipelineEvent, Walked> {
  const { stage, grid, sigmas, seed, check } = options;
  const { channels } = model.transformer.config;
  const conditioned = await conditionedBy(model, runtime, options);
  const own = conditioned?.own ?? ((tokens: Float32Array) => tokens);
  const { denoise, features, dispose } = await openGuidedDenoiser(model, runtime, { ...options, conditioned });
  let x = conditioned?.initial ?? options.start;
  const stream = stage === "refine" ? "refining step" : "step";
  const fresh = (index: number) => pack(gaussian(x.length, seed, `${stream} ${index}`), channels);
  // Fresh noise would be laid on what is given too.
  const sampler = conditioned ? "euler" : (model.settings.sampler ?? "euler");
  const steps = sample(sampler, denoise, x, sigmas, fresh);
  try {
    for await (const { index, sigma, x: next, denoised } of steps) {
      x = next;
      const estimate = () => denormalise(unpack(own(denoised), channels, grid), model.statistics);
      yield { type: "step", stage, index, steps: sigmas.length - 1, sigma, estimate };
      check();
    }
    return { tokens: own(x), features: features() };
  } finally {
    dispose();
  }
}

/** Encodes what is given and finds its place; undefined where nothing is. */
async function conditionedBy(
  model: TextToVideoModel,
  runtime: Runtime,
  { conditions, grid, start, seed, fps, execution }: Walk,
): Promise<Conditioned | undefined> {
  if (!conditions.length) return undefined;
  const [, h, w] = compression(model.vae.config);
  const encoded: EncodedCondition[] = [];
  for (const { frames, frame, strength } of conditions) {
    const fitted = frames.map((one) => coverFrame(one, grid.width * w, grid.height * h));
    encoded.push({ ...(await encodeFrames(model, runtime, fitted, execution.decoder)), frame, strength });
  }
  const draw = (length: number, of: string) => gaussian(length, seed, of);
  return condition(encoded, { grid, noise: start, gaussian: draw, positions: positionsOf(model, fps) });
}
