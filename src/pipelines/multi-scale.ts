/**
 * Multi-scale synthesis (LTX-Video 0.9.7 and later, `LTXMultiScalePipeline`): a small video, its latents upscaled by a
 * network of their own, then noised a little and denoised by the same transformer.
 */
import { CancelledError } from "../base/errors.ts";
import { type GuidanceStage, isGuided } from "../samplers/guidance.ts";
import { addNoise } from "../samplers/process.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { guidanceIn, toneMapOf, upsamplerOf } from "./draft.ts";
import { roomy } from "./execution.ts";
import { denormalise, gridOf, normalise, pack, unpack } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import { encodeText, secondOf } from "./text.ts";
import {
  decode,
  initialNoise,
  type PipelineEvent,
  type PipelineOptions,
  type TextToVideoRequest,
} from "./text-to-video.ts";
import type { TwoStageRequest } from "./two-stage.ts";
import { upscale } from "./upscale.ts";
import { walk } from "./walk.ts";

export type MultiScaleRequest = TwoStageRequest & Pick<TextToVideoRequest, "guidance" | "conditions">;

/**
 * Generates one video; the request's size is that of the second pass, twice that of the draft.
 * @throws InputError for a model without a latent upsampler and for sizes off the grid
 * @throws CancelledError once `signal` aborts, between two steps
 */
export async function* multiScale(
  model: TextToVideoModel,
  runtime: Runtime,
  request: MultiScaleRequest,
  { signal, execution = roomy, cache }: PipelineOptions = {},
): AsyncGenerator<PipelineEvent> {
  const upsampler = upsamplerOf(model);
  const { draft, prompt, negativePrompt, fps, sigmas, seed, conditions = [] } = request;
  const [small, large] = [gridOf(draft, model.vae.config), gridOf(request, model.vae.config)];
  const { channels } = model.transformer.config;
  const check = () => {
    if (signal?.aborted) throw new CancelledError();
  };
  check();
  yield { type: "started", grid: large, sigmas };
  const [first, second] = [guidanceIn(draft), guidanceIn(request)];
  const prompts = [...first, ...second].some(isGuided) ? [negativePrompt, prompt] : [prompt];
  const text = await encodeText(model, runtime, prompts, { holding: execution.text, cache });
  yield { type: "text", truncated: text.truncated.at(-1)! };
  check();

  const textFor = (guidance: readonly GuidanceStage[]) =>
    prompts.length === 2 && !guidance.some(isGuided) ? secondOf(text) : text;
  const common = { fps, seed, execution, check };
  const { tokens: drawn } = yield* walk(model, runtime, {
    ...common,
    stage: "draft",
    grid: small,
    text: textFor(first),
    guidance: first,
    sigmas: draft.sigmas,
    start: initialNoise(channels, small, seed),
    conditions,
  });
  const latents = denormalise(unpack(drawn, channels, small), model.statistics);
  yield { type: "draft", latents, grid: small };
  check();

  const upscaled = normalise(await upscale(upsampler, runtime, latents, small), model.statistics);
  yield { type: "guide" };
  check();
  const noise = initialNoise(channels, large, seed, "high-resolution latents");
  const { tokens } = yield* walk(model, runtime, {
    ...common,
    stage: "refine",
    grid: large,
    text: textFor(second),
    guidance: second,
    sigmas,
    start: addNoise(pack(upscaled, channels), noise, sigmas[0]!),
    conditions,
  });
  const finished = denormalise(unpack(tokens, channels, large), model.statistics);
  yield { type: "latents", latents: finished, grid: large };
  check();
  const { frames } = request;
  const toneMap = toneMapOf(model, draft);
  yield* decode(model, runtime, finished, large, { frames, seed, toneMap }, { signal, execution });
}
