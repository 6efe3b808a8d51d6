/** The ways to a video behind one stream of events. */
import type { Runtime } from "../tensor/runtime.ts";
import type { TextToVideoModel } from "./model.ts";
import { multiScale } from "./multi-scale.ts";
import { type PipelineEvent, type PipelineOptions, type TextToVideoRequest, textToVideo } from "./text-to-video.ts";
import { type TwoStageRequest, twoStage } from "./two-stage.ts";

/** What any way takes; a draft's features leave no room for pictures that are given. */
export type SynthesisRequest = Omit<TwoStageRequest, "draft"> &
  Pick<TextToVideoRequest, "guidance" | "conditions"> & { readonly draft?: TwoStageRequest["draft"] | undefined };

/** In two stages where the request has a draft: from its latents, upscaled, or guided by its features. */
export function synthesise(
  model: TextToVideoModel,
  runtime: Runtime,
  request: SynthesisRequest,
  options: PipelineOptions = {},
): AsyncGenerator<PipelineEvent> {
  const { draft, ...rest } = request;
  if (!draft) return textToVideo(model, runtime, rest, options);
  return (draft.upscaled ? multiScale : twoStage)(model, runtime, { ...rest, draft }, options);
}
