/** Ways from one draft to a large video, to be timed and compared stage by stage: two stages, and what they stand against. */

import { CancelledError } from "../base/errors.ts";
import { euler } from "../samplers/euler.ts";
import { addNoise } from "../samplers/process.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { type Frame, framesToPlanar } from "../video/frame.ts";
import { cropFrame, resizeFrame } from "../video/resize.ts";
import { openDenoiser } from "./denoiser.ts";
import type { Draft } from "./draft.ts";
import { encodeTiled } from "./encode.ts";
import { denormalise, gridOf, normalise, pack, unpack } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import type { ResolvedRequest } from "./resolve.ts";
import { synthesise } from "./synthesise.ts";
import { encodeText } from "./text.ts";
import { decode, initialNoise, type PipelineOptions, textToVideo } from "./text-to-video.ts";

/** A stage begins, or a frame at the full size is there. */
export type ArmEvent =
  | { readonly type: "stage"; readonly name: string }
  | { readonly type: "frame"; readonly frame: Frame };

export interface ArmRequest extends ResolvedRequest {
  readonly draft: Draft;
}

type Arm = (
  model: TextToVideoModel,
  runtime: Runtime,
  request: ArmRequest,
  options: PipelineOptions,
) => AsyncGenerator<ArmEvent>;

const stage = (name: string): ArmEvent => ({ type: "stage", name });

/** The draft's features guide the high-resolution model from pure noise. */
async function* twoStages(...[model, runtime, request, options]: Parameters<Arm>): AsyncGenerator<ArmEvent> {
  const next = { text: "draft", draft: "guide", guide: "refine", latents: "decode" } as const;
  yield stage("text");
  for await (const event of synthesise(model, runtime, { ...request, ...request.made }, options)) {
    if (event.type === "frame") yield { type: "frame", frame: event.frame };
    else if (event.type in next) yield stage(next[event.type as keyof typeof next]);
  }
}

/** The low-resolution model alone, at the full size: as many steps as the draft, with its guidance. */
async function* direct(...[model, runtime, request, options]: Parameters<Arm>): AsyncGenerator<ArmEvent> {
  const { draft, made } = request;
  const { sigmas, guidanceScale, guidance } = draft;
  const asked = { ...request, ...made, sigmas, guidanceScale, guidance };
  yield stage("text");
  for await (const event of textToVideo(model, runtime, asked, options)) {
    if (event.type === "text") yield stage("denoise");
    else if (event.type === "latents") yield stage("decode");
    else if (event.type === "frame") yield { type: "frame", frame: event.frame };
  }
}

/** The draft's frames, enlarged. */
async function* bicubic(...[model, runtime, request, options]: Parameters<Arm>): AsyncGenerator<ArmEvent> {
  const { width, height } = request.made;
  for await (const event of draftFrames(model, runtime, request, options)) {
    if (event.type === "stage") yield event;
    else {
      yield stage("upscale");
      yield { type: "frame", frame: resizeFrame(event.frame, width, height) };
      yield stage("decode draft");
    }
  }
}

/** What a draft alone asks for. */
export const draftRequest = ({ draft, ...request }: ArmRequest) => ({
  ...request,
  ...draft,
  guidance: draft.guidance,
});

/** The draft as one stage alone makes it. */
async function* draftFrames(...[model, runtime, request, options]: Parameters<Arm>): AsyncGenerator<ArmEvent> {
  yield stage("text");
  for await (const event of textToVideo(model, runtime, draftRequest(request), options)) {
    if (event.type === "text") yield stage("draft");
    else if (event.type === "latents") yield stage("decode draft");
    else if (event.type === "frame") yield { type: "frame", frame: event.frame };
  }
}

/** Noise level from which a cascade cleans up again. */
const cascadeSigma = 0.5;

/**
 * What the paper argues against: the draft is decoded, its pixels enlarged, encoded again tile by tile, noised half-way
 * and cleaned up by the low-resolution model at the full size (SDEdit, Meng et al. 2021), in as many steps as the second stage.
 */
async function* cascade(...[model, runtime, request, options]: Parameters<Arm>): AsyncGenerator<ArmEvent> {
  const { made, sigmas, prompt, fps, seed } = request;
  const enlarged: Frame[] = [];
  for await (const event of bicubic(model, runtime, request, options)) {
    if (event.type === "stage") yield event;
    else enlarged.push(event.frame);
  }
  yield stage("encode tiles");
  const grid = gridOf(made, model.vae.config);
  const { channels } = model.transformer.config;
  const draw = async ({
    left: x,
    top: y,
    width,
    height,
  }: {
    left: number;
    top: number;
    width: number;
    height: number;
  }) => framesToPlanar(enlarged.map((frame) => cropFrame(frame, { x, y, width, height })));
  const latents = await encodeTiled(model, runtime, { grid, draw });
  yield stage("refine");
  const text = await encodeText(model, runtime, [prompt]);
  const { execution, signal } = options;
  const walked = { grid, fps, batch: 1, text, guidanceScale: 1, execution };
  const { denoise, dispose } = await openDenoiser(model, runtime, walked);
  const steps = sigmas.length - 1;
  const levels = Array.from({ length: steps + 1 }, (_, i) => cascadeSigma * (1 - i / steps));
  const noise = initialNoise(channels, grid, seed, "cascade");
  let x = addNoise(pack(normalise(latents, model.statistics), channels), noise, cascadeSigma);
  try {
    for await (const step of euler(denoise, x, levels)) {
      x = step.x;
      if (signal?.aborted) throw new CancelledError();
    }
  } finally {
    dispose();
  }
  yield stage("decode");
  const clean = denormalise(unpack(x, channels, grid), model.statistics);
  for await (const event of decode(model, runtime, clean, grid, { ...made, seed }, options))
    if (event.type === "frame") yield { type: "frame", frame: event.frame };
}

export const arms = { "two-stage": twoStages, cascade, bicubic, direct } as const satisfies Record<string, Arm>;
export type ArmName = keyof typeof arms;
