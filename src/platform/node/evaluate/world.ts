/** How much of its prompts a model shows: `turbo2k eval world`. */
import { CancelledError } from "../../../base/errors.ts";
import { expectedOf, judgeOf } from "../../../data/world/detect.ts";
import { presets } from "../../../data/world/draw.ts";
import { testPrompts } from "../../../data/world/split.ts";
import { type Accuracy, accuracyOf, type Marks } from "../../../metrics/world.ts";
import { fitFrames } from "../../../pipelines/fit-frames.ts";
import { synthesise } from "../../../pipelines/synthesise.ts";
import type { Frame } from "../../../video/frame.ts";
import { refuseTooLarge } from "../generate/fit.ts";
import type { Prepared } from "../generate/prepare.ts";

export type WorldPreset = keyof typeof presets;

export interface PromptResult {
  readonly prompt: string;
  readonly heldOut: boolean;
  readonly seed: number;
  readonly marks: Marks;
}

export interface WorldEvaluation {
  readonly all: Accuracy;
  /** Combinations that training saw, and those that it did not. */
  readonly seen: Accuracy;
  readonly heldOut: Accuracy;
  readonly prompts: readonly PromptResult[];
}

export interface EvaluatedClip extends PromptResult {
  readonly frames: readonly Frame[];
}

export interface WorldRequest {
  readonly preset: WorldPreset;
  readonly prompts: number;
  readonly signal?: AbortSignal | undefined;
}

/** Generates the fixed test prompts (seeds count up from the request's) and judges each; yields clip after clip. */
export async function* evaluateWorld(
  prepared: Prepared,
  world: WorldRequest,
): AsyncGenerator<EvaluatedClip, WorldEvaluation> {
  const { model, runtime, request } = prepared;
  const options = { signal: world.signal, execution: refuseTooLarge(prepared).execution };
  const { asked, made } = request;
  const make = async (prompt: string, seed: number): Promise<Frame[]> => {
    const frames: Frame[] = [];
    const events = synthesise(model, runtime, { ...request, ...made, prompt, seed }, options);
    for await (const frame of fitFrames(events, asked)) frames.push(frame);
    return frames;
  };
  return yield* judgeClips(make, { ...world, ...asked, seed: request.seed });
}

/** The same for anything that makes clips of prompts. */
export async function* judgeClips(
  make: (prompt: string, seed: number) => Promise<Frame[]>,
  request: WorldRequest & { readonly seed: number; readonly height: number; readonly frames: number },
): AsyncGenerator<EvaluatedClip, WorldEvaluation> {
  const { preset, signal } = request;
  const tests = testPrompts(presets[preset]).slice(0, request.prompts);
  const judge = judgeOf(presets[preset]);
  const results: PromptResult[] = [];
  for (const [index, { prompt, scene, heldOut }] of tests.entries()) {
    const seed = request.seed + index;
    const frames = await make(prompt, seed);
    if (signal?.aborted) throw new CancelledError();
    const marks = judge(expectedOf(scene, request.height, request.frames), frames);
    const result = { prompt, heldOut, seed, marks };
    results.push(result);
    yield { ...result, frames };
  }
  const over = (kept: (result: PromptResult) => boolean) => accuracyOf(results.filter(kept).map(({ marks }) => marks));
  return {
    all: over(() => true),
    seen: over((result) => !result.heldOut),
    heldOut: over((result) => result.heldOut),
    prompts: results,
  };
}
