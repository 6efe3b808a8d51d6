/** Text to video from a request to a finished file: the engine of `turbo2k generate`. */
import { rm } from "node:fs/promises";
import { CancelledError } from "../../../base/errors.ts";
import { unknownWordNotices } from "../../../data/world/notices.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import type { OpenedModel } from "../../../pipelines/assemble.ts";
import type { Condition } from "../../../pipelines/conditioning.ts";
import { toneMapOf } from "../../../pipelines/draft.ts";
import type { Execution } from "../../../pipelines/execution.ts";
import { fitFrames } from "../../../pipelines/fit-frames.ts";
import { notFinite } from "../../../pipelines/not-finite.ts";
import { draftReceipt, hashesOf } from "../../../pipelines/receipt.ts";
import type { ResolvedRequest } from "../../../pipelines/resolve.ts";
import { synthesise } from "../../../pipelines/synthesise.ts";
import type { TextCache } from "../../../pipelines/text.ts";
import { decode } from "../../../pipelines/text-to-video.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { textCache } from "../cache/text-cache.ts";
import { defaultOutputPath } from "../video/output-path.ts";
import { openVideoWriter, type VideoWriter } from "../video/write.ts";
import { type GenerateEvent, withNews } from "./events.ts";
import { refuseTooLarge } from "./fit.ts";
import { openGiven } from "./given.ts";
import { type KeptDraft, openKeptDraft } from "./kept-draft.ts";
import { saveLatents } from "./latents-file.ts";
import { defaultModel } from "./package-root.ts";
import { type Prepared, prepare, type SeededRequest } from "./prepare.ts";
import { Previewer } from "./preview.ts";
import { StageClock } from "./stage-clock.ts";
import { writeFrames } from "./write-frames.ts";

export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Generates a video file. Whatever happens, no half of one is left under its name. */
export async function* generate(
  request: SeededRequest,
  { signal }: GenerateOptions = {},
): AsyncGenerator<GenerateEvent> {
  const clock = new StageClock();
  clock.enter("load");
  const prepared = await prepare(request);
  const { model, device, runtime, name, request: resolved } = prepared;
  let writer: VideoWriter | undefined;
  let kept: KeptDraft | undefined;
  try {
    const { prompt, seed, asked, made, fps } = resolved;
    const plan = refuseTooLarge(prepared);
    const { execution } = plan;
    const output = request.output ?? (await defaultOutputPath(prompt, seed));
    writer = await openVideoWriter(output, { ...asked, fps, force: request.force, title: prompt });
    const given = await openGiven(request, made, model);
    const maker = {
      given: given.map(({ file }) => file),
      tiling: execution.tiling,
      runtime: runtime.name,
      device: device.name,
      // A path would tell strangers about the disk that the video was made on.
      model: name === defaultModel ? name : model.settings.name,
    };
    if (request.keepStages) kept = await openKeptDraft(prepared, { output, maker, execution, force: request.force });
    if (signal?.aborted) throw new CancelledError();
    void hashesOf(model.files).catch(() => {}); // for the receipt, which waits for it: files are read while the model runs
    yield { type: "started", request: resolved, model: model.settings.name, output };
    for (const text of [...device.news(), ...resolved.notices]) yield { type: "notice", text };
    const unknown = unknownWordNotices(model, prompt);
    if (unknown.length) yield { type: "notice", text: unknown.join("\n") };

    const preview = request.preview ? new Previewer(model, runtime, output, resolved) : undefined;
    const steps = denoise(model, runtime, resolved, {
      clock,
      preview,
      kept,
      signal,
      execution,
      cache: cacheFor(prepared, request),
      conditions: given.map(({ condition }) => condition),
    });
    const { latents, grid } = yield* withNews(steps, device.news);
    if (!latents.every(Number.isFinite))
      throw await notFinite("the model's latents", model, [
        ...(["text", "transformer", "hr", "upsampler"] as const),
        ...(given.length ? (["vae"] as const) : []), // what is given was encoded
      ]);
    clock.enter("save");
    const draft = await draftReceipt(resolved, model, maker);
    const saved = await saveLatents(output, { latents, grid, draft, model: name });
    try {
      if (kept) {
        clock.enter("draft video");
        yield { type: "saved", what: "draft", path: await kept.write(signal) };
      }
      const toneMap = toneMapOf(model, resolved.draft);
      const frames = fitFrames(
        decode(model, runtime, latents, grid, { ...made, seed: resolved.seed, toneMap }, { signal, execution }),
        { ...asked, draft: resolved.draft },
      );
      const written = yield* withNews(writeFrames(frames, writer, draft, clock, plan.stages), device.news);
      if (request.keepLatents) yield { type: "saved", what: "latents", path: saved };
      else await rm(saved, { force: true });
      yield { type: "finished", result: { ...written, stages: clock.stop() } };
    } catch (cause) {
      yield { type: "notice", text: `the latents are kept; to go on from there: turbo2k decode ${saved}` };
      throw cause;
    }
  } finally {
    await writer?.abort();
    await kept?.abort();
    clock.stop();
    await model.close();
  }
}

interface DenoiseOptions extends GenerateOptions {
  readonly clock: StageClock;
  readonly preview: Previewer | undefined;
  readonly kept: KeptDraft | undefined;
  readonly execution: Execution;
  readonly cache: TextCache | undefined;
  readonly conditions: readonly Condition[];
}

/** Weights from which a text encoder is worth remembering what it made of a prompt. */
const largeEncoder = 1e8;

function cacheFor({ model }: Prepared, { cache = true }: SeededRequest): TextCache | undefined {
  const { layers, width, inner } = model.text.config;
  return cache && layers * width * inner > largeEncoder ? textCache() : undefined;
}

/** The pipeline up to its latents. */
async function* denoise(
  model: OpenedModel,
  runtime: Runtime,
  request: ResolvedRequest,
  { clock, preview, kept, conditions, ...options }: DenoiseOptions,
): AsyncGenerator<GenerateEvent, { latents: Float32Array; grid: Grid }> {
  clock.enter("text");
  const { draft, sigmas, made } = request;
  for await (const event of synthesise(model, runtime, { ...request, ...made, conditions }, options)) {
    if (event.type === "text") {
      const stage = draft ? "draft" : "denoise";
      clock.enter(stage);
      if (event.truncated)
        yield { type: "notice", text: "the prompt is longer than the model reads: its end is left out" };
      yield { type: "progress", stage, done: 0, of: (draft?.sigmas ?? sigmas).length - 1 };
    } else if (event.type === "step") {
      yield { type: "progress", stage: event.stage, done: event.index + 1, of: event.steps };
      const path = await preview?.step(event);
      if (path) yield { type: "saved", what: "preview", path };
    } else if (event.type === "draft") {
      clock.enter("save");
      const path = await kept?.save(event);
      if (path) yield { type: "saved", what: "draft", path };
      clock.enter(draft?.upscaled ? "upscale" : "guide");
    } else if (event.type === "guide") {
      clock.enter("refine");
      yield { type: "progress", stage: "refine", done: 0, of: sigmas.length - 1 };
    } else if (event.type === "latents") return event;
  }
  throw new CancelledError();
}
