/** Text to video from a request to a finished file, in a page or its worker. */
import { CheckpointError, UnsupportedError } from "../../../base/errors.ts";
import { unknownWordNotices } from "../../../data/world/notices.ts";
import { fitFrame } from "../../../pipelines/fit-frames.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { draftReceipt, refuseOther } from "../../../pipelines/receipt.ts";
import { type ResolvedRequest, resolveRequest } from "../../../pipelines/resolve.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import { formatReceipt, type Receipt } from "../../../schema/receipt.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { Frame } from "../../../video/frame.ts";
import { FrameHash } from "../../../video/hash.ts";
import { VideoEncoding } from "../../../video/video-encode.ts";
import { refuseTooLarge } from "./fit.ts";
import { Previewer } from "./previewer.ts";
import { type StageTime, StageTimes } from "./stage-times.ts";

export interface GenerateOptions {
  readonly model: TextToVideoModel;
  readonly runtime: Runtime;
  /** What computes, for the receipt: `wasm`, `webgpu`. */
  readonly device: string;
  readonly signal?: AbortSignal | undefined;
}

export interface FinishedVideo {
  /** An mp4, or a webm where the browser has no H.264 encoder; its receipt inside. */
  readonly video: Blob;
  readonly receipt: Receipt;
  readonly stages: readonly StageTime[];
}

/** What a run says while it goes on, in order. */
export type GenerateEvent =
  | { readonly type: "started"; readonly request: ResolvedRequest; readonly format: "mp4" | "webm" }
  /** Something that a user should know; nothing is wrong. */
  | { readonly type: "notice"; readonly text: string }
  | { readonly type: "progress"; readonly stage: Stage; readonly done: number; readonly of: number }
  /** The first frame of what the run is heading for. */
  | { readonly type: "preview"; readonly frame: Frame }
  | { readonly type: "frame"; readonly index: number; readonly frame: Frame }
  | { readonly type: "finished"; readonly result: FinishedVideo };

export type Stage = "text" | "denoise" | "decode" | "encode";

export type BrowserRequest = Omit<
  GenerateRequest,
  "output" | "force" | "preview" | "keepLatents" | "device" | "model"
> & {
  readonly seed: number;
};

/** The request that makes a receipt's frames again. @throws CheckpointError where another model made them */
export function requestOf(receipt: Receipt, model: Pick<TextToVideoModel, "files" | "settings">): BrowserRequest {
  refuseOther(model, receipt);
  const { prompt, negativePrompt, seed, sigmas, guidanceScale, width, height, frames, fps } = receipt;
  return { prompt, negativePrompt, seed, sigmas, guidanceScale, width, height, frames, fps };
}

/**
 * Generates one video.
 * @throws InputError for what cannot be asked for
 * @throws DoesNotFitError before anything is computed
 * @throws CancelledError once `signal` aborts, between two stages
 */
export async function* generate(
  asked: BrowserRequest,
  { model, runtime, device, signal }: GenerateOptions,
): AsyncGenerator<GenerateEvent> {
  const request = resolveRequest(asked, model);
  refuseTooLarge(request, model, runtime);
  const times = new StageTimes();
  const { video, format } = await openEncoding(request);
  yield { type: "started", request, format };
  for (const text of request.notices) yield { type: "notice", text };
  const unknown = unknownWordNotices(model, request.prompt);
  if (unknown.length) yield { type: "notice", text: unknown.join("\n") };
  if (format === "webm")
    yield { type: "notice", text: "this browser cannot write H.264, so the video is a webm file instead of an mp4" };

  const hash = new FrameHash();
  const frames = request.asked.frames;
  const previewer = new Previewer(model, runtime, gridOf(request.made, model.vae.config));
  try {
    times.enter("text");
    yield { type: "progress", stage: "text", done: 0, of: 1 };
    for await (const event of textToVideo(model, runtime, { ...request, ...request.made }, { signal })) {
      if (event.type === "text") {
        if (event.truncated)
          yield { type: "notice", text: "the prompt is longer than the model reads: its end is left out" };
        times.enter("denoise");
        yield { type: "progress", stage: "denoise", done: 0, of: request.sigmas.length - 1 };
      } else if (event.type === "step") {
        yield { type: "progress", stage: "denoise", done: event.index + 1, of: event.steps };
        const frame = await previewer.step(event.estimate);
        if (frame) yield { type: "preview", frame: fitFrame(frame, request.asked) };
      } else if (event.type === "latents") {
        if (!event.latents.every(Number.isFinite))
          throw new CheckpointError("the model's latents are not finite numbers", {
            hint: "its weights are damaged, or the guidance scale is far too high",
          });
        previewer.dispose(); // makes room for the decoder
        times.enter("decode");
        yield { type: "progress", stage: "decode", done: 0, of: frames };
      } else if (event.type === "frame") {
        const frame = fitFrame(event.frame, request.asked);
        times.enter("encode");
        await Promise.all([hash.update(frame), video.write(frame)]);
        times.enter("decode");
        yield { type: "frame", index: event.index, frame };
        yield { type: "progress", stage: "decode", done: event.index + 1, of: frames };
        if (event.index + 1 === frames) break;
      }
    }
    times.enter("encode");
    yield { type: "progress", stage: "encode", done: 0, of: 1 };
    const draft = draftReceipt(request, model, { runtime: runtime.name, device, model: model.settings.name });
    const framesSha256 = await hash.digest();
    const receipt: Receipt = { ...draft, framesSha256, created: new Date().toISOString() };
    const bytes = await video.finish({ title: request.prompt, comment: formatReceipt(receipt) });
    const blob = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: `video/${format}` });
    yield { type: "finished", result: { video: blob, receipt, stages: times.stop() } };
  } finally {
    previewer.dispose();
    await video.abort();
  }
}

/** An mp4 plays everywhere; some builds of Chromium and Firefox lack the encoder for it. */
async function openEncoding({ asked, fps }: ResolvedRequest) {
  if (!("VideoEncoder" in globalThis))
    throw new UnsupportedError("this browser cannot encode video (it has no WebCodecs here)", {
      hint: "open the page over https or on localhost, in a current browser",
    });
  try {
    return { video: await VideoEncoding.open({ ...asked, fps, format: "mp4" }), format: "mp4" as const };
  } catch (cause) {
    if (!(cause instanceof UnsupportedError)) throw cause;
    return { video: await VideoEncoding.open({ ...asked, fps, format: "webm" }), format: "webm" as const };
  }
}
