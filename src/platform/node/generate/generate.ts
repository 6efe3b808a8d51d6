/** Text to video from a request to a finished file: the engine of `turbo2k generate`. */
import { rm } from "node:fs/promises";
import { CancelledError, UnsupportedError } from "../../../base/errors.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { type ResolvedRequest, resolveRequest } from "../../../pipelines/resolve.ts";
import { decode, textToVideo } from "../../../pipelines/text-to-video.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { openOrt } from "../devices/ort.ts";
import { type OpenedModel, openModel } from "../models/open-model.ts";
import { defaultOutputPath } from "../video/output-path.ts";
import { openVideoWriter, type VideoWriter } from "../video/write.ts";
import type { GenerateEvent } from "./events.ts";
import { type ReceiptDraft, saveLatents } from "./latents-file.ts";
import { unknownWordNotices } from "./notices.ts";
import { defaultModel, modelFolder, version } from "./package-root.ts";
import { Previewer } from "./preview.ts";
import { StageClock } from "./stage-clock.ts";
import { fitFrames, writeFrames } from "./write-frames.ts";

export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
}

export type SeededRequest = GenerateRequest & { readonly seed: number };

/** The runtime of a device by name. */
export function openDevice(device: GenerateRequest["device"] = "auto"): Runtime {
  if (device === "webgpu")
    throw new UnsupportedError("this version generates on the CPU only", { hint: "use --device cpu" });
  return openOrt();
}

/** Generates a video file. Whatever happens, no half of one is left under its name. */
export async function* generate(
  request: SeededRequest,
  { signal }: GenerateOptions = {},
): AsyncGenerator<GenerateEvent> {
  const clock = new StageClock();
  clock.enter("load");
  const runtime = openDevice(request.device);
  const name = request.model ?? defaultModel;
  const folder = await modelFolder(name);
  const model = await openModel(folder);
  let writer: VideoWriter | undefined;
  try {
    const resolved = resolveRequest(request, model);
    const { prompt, seed, asked, made, fps } = resolved;
    const output = request.output ?? (await defaultOutputPath(prompt, seed));
    writer = await openVideoWriter(output, { ...asked, fps, force: request.force, title: prompt });
    if (signal?.aborted) throw new CancelledError();
    yield { type: "started", request: resolved, model: model.settings.name, output };
    for (const text of [...resolved.notices, ...unknownWordNotices(model, prompt)]) yield { type: "notice", text };

    const preview = request.preview ? new Previewer(model, runtime, output, resolved) : undefined;
    const { latents, grid } = yield* denoise(model, runtime, resolved, { clock, preview, signal });
    clock.enter("save");
    const draft = draftOf(resolved, model, runtime, name);
    const saved = await saveLatents(output, { latents, grid, draft, model: name === defaultModel ? name : folder });
    try {
      const frames = fitFrames(decode(model, runtime, latents, grid, made, signal), asked);
      const written = yield* writeFrames(frames, writer, draft, clock);
      if (request.keepLatents) yield { type: "saved", what: "latents", path: saved };
      else await rm(saved, { force: true });
      yield { type: "finished", result: { ...written, stages: clock.stop() } };
    } catch (cause) {
      yield { type: "notice", text: `the latents are kept; to go on from there: turbo2k decode ${saved}` };
      throw cause;
    }
  } finally {
    await writer?.abort();
    clock.stop();
    await model.close();
  }
}

interface DenoiseOptions extends GenerateOptions {
  readonly clock: StageClock;
  readonly preview: Previewer | undefined;
}

/** The pipeline up to its latents. */
async function* denoise(
  model: OpenedModel,
  runtime: Runtime,
  request: ResolvedRequest,
  { clock, preview, signal }: DenoiseOptions,
): AsyncGenerator<GenerateEvent, { latents: Float32Array; grid: Grid }> {
  clock.enter("text");
  for await (const event of textToVideo(model, runtime, { ...request, ...request.made }, { signal })) {
    if (event.type === "text") {
      clock.enter("denoise");
      if (event.truncated)
        yield { type: "notice", text: "the prompt is longer than the model reads: its end is left out" };
      yield { type: "progress", stage: "denoise", done: 0, of: request.sigmas.length - 1 };
    } else if (event.type === "step") {
      yield { type: "progress", stage: "denoise", done: event.index + 1, of: event.steps };
      const path = await preview?.step(event.index, event.estimate);
      if (path) yield { type: "saved", what: "preview", path };
    } else if (event.type === "latents") return event;
  }
  throw new CancelledError();
}

/** The receipt as far as it is known before decoding. */
function draftOf(request: ResolvedRequest, model: OpenedModel, runtime: Runtime, name: string): ReceiptDraft {
  const { prompt, negativePrompt, seed, sigmas, guidanceScale, fps, asked, made } = request;
  return {
    engine: { name: "turbo2k", version },
    models: model.files.map(({ name, sha256 }) => ({ name, sha256 })),
    prompt,
    negativePrompt,
    seed,
    sigmas: [...sigmas],
    guidanceScale,
    steps: sigmas.length - 1,
    width: asked.width,
    height: asked.height,
    generatedWidth: made.width,
    generatedHeight: made.height,
    frames: asked.frames,
    fps,
    device: "cpu",
    runtime: runtime.name,
    // A path would tell strangers about the disk that the video was made on.
    extra: { model: name === defaultModel ? name : model.settings.name },
  };
}
