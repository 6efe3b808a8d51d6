/** Saved latents to a finished file: the engine of `turbo2k decode`. */
import { CancelledError, MediaError } from "../../../base/errors.ts";
import type { OpenedDecoder } from "../../../pipelines/assemble.ts";
import { toneMapOf } from "../../../pipelines/draft.ts";
import { defaultTiling, roomy } from "../../../pipelines/execution.ts";
import { fitFrames } from "../../../pipelines/fit-frames.ts";
import { gridOf, snap } from "../../../pipelines/latents.ts";
import { refuseOther } from "../../../pipelines/receipt.ts";
import { decode } from "../../../pipelines/text-to-video.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import { openDevice } from "../devices/open-device.ts";
import { locateModel, type ModelPlaces } from "../models/locate.ts";
import { openDecoder } from "../models/open-decoder.ts";
import { defaultOutputPath } from "../video/output-path.ts";
import { openVideoWriter, type VideoWriter } from "../video/write.ts";
import { type GenerateEvent, withNews } from "./events.ts";
import { readLatents, type SavedLatents } from "./latents-file.ts";
import { StageClock } from "./stage-clock.ts";
import { writeFrames } from "./write-frames.ts";

export interface DecodeRequest
  extends Pick<ModelPlaces, "model" | "comfyRoot" | "vae">,
    Pick<GenerateRequest, "output" | "force" | "device"> {
  readonly signal?: AbortSignal | undefined;
}

/** Decodes a latents file; the file itself stays. */
export async function* decodeLatents(path: string, request: DecodeRequest): AsyncGenerator<GenerateEvent> {
  const clock = new StageClock();
  clock.enter("load");
  const { signal } = request;
  const saved = await readLatents(path);
  const { runtime, news } = await openDevice(request.device);
  const { comfyRoot, vae } = request;
  const place = { comfyRoot, model: request.model ?? (comfyRoot === undefined ? saved.model : undefined) };
  const model = await openDecoder(await locateModel(place), { vae, compat: saved.draft.compat });
  let writer: VideoWriter | undefined;
  try {
    const { draft, latents, grid } = saved;
    await refuseOther(model, draft, ["vae"]);
    const made = madeSize(saved, model, path);
    const output = request.output ?? (await defaultOutputPath(draft.prompt, draft.seed));
    writer = await openVideoWriter(output, { ...draft, force: request.force, title: draft.prompt });
    if (signal?.aborted) throw new CancelledError();
    const execution = { ...roomy, decoder: "mapped", tiling: draft.tiling ?? defaultTiling } as const;
    const asked = { ...made, seed: draft.seed, toneMap: toneMapOf(model, draft.draft) };
    const frames = fitFrames(decode(model, runtime, latents, grid, asked, { signal, execution }), draft);
    const written = yield* withNews(writeFrames(frames, writer, draft, clock), news);
    yield { type: "finished", result: { ...written, stages: clock.stop() } };
  } finally {
    await writer?.abort();
    clock.stop();
    await model.close();
  }
}

/** The size that latents decode to, which must be the one that their receipt tells of. */
function madeSize({ draft, latents, grid }: SavedLatents, { vae }: OpenedDecoder, where: string) {
  const { generatedWidth: width, generatedHeight: height, frames } = draft;
  const made = snap({ width, height, frames }, vae.config);
  const wanted = gridOf(made, vae.config);
  const size = vae.config.latentChannels * wanted.frames * wanted.height * wanted.width;
  const fits = (["frames", "height", "width"] as const).every((axis) => wanted[axis] === grid[axis]);
  if (!fits || latents.length !== size || draft.width > made.width || draft.height > made.height)
    throw new MediaError("these latents are not of the size that their receipt tells", { where });
  return made;
}
