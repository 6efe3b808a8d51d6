/** Text to video from a request to a finished file, in a page or its worker. */
import { CheckpointError, UnsupportedError } from "../../../base/errors.ts";
import { unknownWordNotices } from "../../../data/world/notices.ts";
import { fitFrame } from "../../../pipelines/fit-frames.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { draftReceipt, refuseOther, requestOfReceipt, sampledAs } from "../../../pipelines/receipt.ts";
import { type ResolvedRequest, resolveRequest } from "../../../pipelines/resolve.ts";
import { synthesise } from "../../../pipelines/synthesise.ts";
import { formatReceipt, type Receipt } from "../../../schema/receipt.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Frame } from "../../../video/frame.ts";
import { FrameHash } from "../../../video/hash.ts";
import type { Device } from "../devices/choose.ts";
import { openEncoding } from "../video/open-encoding.ts";
import { refuseTooLarge } from "./fit.ts";
import { Previewer } from "./previewer.ts";
import { type StageTime, StageTimes } from "./stage-times.ts";

export interface GenerateOptions {
  readonly model: TextToVideoModel;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
}

export interface FinishedVideo {
  /** An mp4, or a webm where the browser has no H.264 encoder; its receipt inside. */
  readonly video: Blob;
  readonly receipt: Receipt;
  readonly stages: readonly StageTime[];
}

/** In the order in which they come; a video has either `denoise`, or `draft`, `guide` and `refine`. */
export type Stage = "text" | "denoise" | "draft" | "guide" | "refine" | "decode" | "encode";

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

export type BrowserRequest = Pick<
  GenerateRequest,
  "negativePrompt" | "width" | "height" | "size" | "frames" | "seconds" | "fps" | "steps" | "hrSteps" | "sigmas"
> &
  Pick<GenerateRequest, "guidanceScale" | "stages"> & { readonly prompt: string; readonly seed: number };

/**
 * Generates one video.
 * @throws InputError for what cannot be asked for
 * @throws DoesNotFitError before anything is computed
 * @throws CancelledError once `signal` aborts, between two stages
 */
export async function* generate(asked: BrowserRequest, options: GenerateOptions): AsyncGenerator<GenerateEvent> {
  yield* perform(resolveRequest(asked, options.model), options);
}

/** Makes the frames of a receipt again. @throws CheckpointError where another model made them; UnsupportedError for LoRAs */
export async function* replay(receipt: Receipt, options: GenerateOptions): AsyncGenerator<GenerateEvent> {
  await refuseOther(options.model, receipt);
  if (receipt.loras?.length)
    throw new UnsupportedError(
      `this was made with ${receipt.loras.map(({ name }) => name).join(", ")}, which no page loads`,
      {
        hint: "turbo2k replay makes it again",
      },
    );
  const model = sampledAs(options.model, receipt);
  yield* perform(requestOfReceipt(receipt, model), { ...options, model });
}

async function* perform(
  request: ResolvedRequest,
  { model, device, signal }: GenerateOptions,
): AsyncGenerator<GenerateEvent> {
  const { runtime } = device;
  const { asked, made, draft, sigmas } = request;
  refuseTooLarge(request, model, device);
  const { encoding, format } = await openEncoding({ ...asked, fps: request.fps });
  const times = new StageTimes();
  const enter = (stage: Stage, of: number): GenerateEvent => {
    times.enter(stage);
    return { type: "progress", stage, done: 0, of };
  };
  const hash = new FrameHash();
  const previewer = new Previewer(model, runtime);
  try {
    yield { type: "started", request, format };
    for (const text of noticesFor(request, model, format)) yield { type: "notice", text };
    yield enter("text", 1);
    for await (const event of synthesise(model, runtime, { ...request, ...made }, { signal })) {
      if (event.type === "text") {
        if (event.truncated)
          yield { type: "notice", text: "the prompt is longer than the model reads: its end is left out" };
        yield draft ? enter("draft", draft.sigmas.length - 1) : enter("denoise", sigmas.length - 1);
      } else if (event.type === "step") {
        yield { type: "progress", stage: event.stage, done: event.index + 1, of: event.steps };
        // A frame of the second stage takes too long to decode for a preview.
        const grid = event.stage === "refine" ? undefined : gridOf(draft ?? made, model.vae.config);
        const frame = grid && (await previewer.step(event.estimate, grid));
        if (frame) yield { type: "preview", frame: draft ? frame : fitFrame(frame, asked) };
      } else if (event.type === "draft") yield enter("guide", 1);
      else if (event.type === "guide") yield enter("refine", sigmas.length - 1);
      else if (event.type === "latents") {
        refuseNonFinite(event.latents);
        previewer.dispose(); // makes room for the decoder
        yield enter("decode", asked.frames);
      } else if (event.type === "frame") {
        const frame = fitFrame(event.frame, asked);
        times.enter("encode");
        await Promise.all([hash.update(frame), encoding.write(frame)]);
        times.enter("decode");
        yield { type: "frame", index: event.index, frame };
        yield { type: "progress", stage: "decode", done: event.index + 1, of: asked.frames };
        if (event.index + 1 === asked.frames) break;
      }
    }
    yield enter("encode", 1);
    const maker = { runtime: runtime.name, device: device.label, model: model.settings.name };
    const receipt: Receipt = {
      ...(await draftReceipt(request, model, maker)),
      stages: times.soFar(),
      framesSha256: await hash.digest(),
      created: new Date().toISOString(),
    };
    const bytes = await encoding.finish({ title: request.prompt, comment: formatReceipt(receipt) });
    const video = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: `video/${format}` });
    yield { type: "finished", result: { video, receipt, stages: times.soFar() } };
  } finally {
    previewer.dispose();
    await encoding.abort();
  }
}

/** What a user should know before the run. */
function noticesFor(request: ResolvedRequest, model: TextToVideoModel, format: "mp4" | "webm"): string[] {
  const unknown = unknownWordNotices(model, request.prompt);
  return [
    ...request.notices,
    ...(unknown.length ? [unknown.join("\n")] : []),
    ...(format === "webm" ? ["this browser cannot write H.264, so the video is a webm file instead of an mp4"] : []),
  ];
}

function refuseNonFinite(latents: Float32Array): void {
  if (latents.every(Number.isFinite)) return;
  throw new CheckpointError("the model's latents are not finite numbers", {
    hint: "its weights are damaged, or the guidance scale is far too high",
  });
}
