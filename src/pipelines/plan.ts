/** What a video will take, in memory and time, without computing or loading anything: programs are only traced. */
import { widthOf } from "../models/ltx/config.ts";
import { tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { type ProgramPlan, planProgram } from "../runtimes/null/null.ts";
import type { OpAttributes } from "../tensor/ops.ts";
import type { Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { decodeProgram, defaultTiling, tilesOf } from "./decode.ts";
import { velocityProgram } from "./denoiser.ts";
import type { Draft } from "./draft.ts";
import { guideProgram } from "./guide.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import { refineProgram } from "./refiner.ts";
import type { ResolvedRequest } from "./resolve.ts";
import { textProgram } from "./text.ts";

export interface StagePlan {
  readonly name: "text" | "denoise" | "draft" | "guide" | "refine" | "decode" | "encode";
  /** Latent tokens that a run works on. */
  readonly tokens?: number;
  /** How often its program runs: steps, tiles, frames. */
  readonly runs: number;
  readonly flops: number;
  readonly seconds: number;
  readonly peakBytes: number;
}

export interface VideoPlan {
  readonly stages: readonly StagePlan[];
  readonly seconds: number;
  readonly peakBytes: number;
  readonly tokens: number;
  /** Pieces that the latents are decoded in. */
  readonly tiles: number;
  /** Latents and, roughly, the video. */
  readonly diskBytes: number;
  /** Multiply-adds count as two; what the estimate of seconds rests on. */
  readonly gflops: number;
}

/** What is known about the machine. */
export interface Machine {
  /** Matrix products, billions of operations a second. */
  readonly gflops: number;
  /** Memory that the process has before it loads anything. */
  readonly baseBytes: number;
  readonly keeps: Runtime["keeps"];
}

export type PlannedModel = Pick<TextToVideoModel, "settings"> & {
  readonly [part in "text" | "transformer" | "vae"]: Pick<TextToVideoModel[part], "config">;
} & { readonly hr?: Pick<NonNullable<TextToVideoModel["hr"]>, "config"> | undefined };

type PlannedRequest = Pick<ResolvedRequest, "made" | "asked" | "sigmas" | "guidanceScale" | "draft">;

/**
 * Share of a matrix product's rate that whole programs reach. Measured on mini sizes with one thread: 0.9 to 1.1 and
 * 0.8 to 0.95; a little is left for threads that wait for each other.
 */
const efficiency = { text: 0.3, denoise: 0.9, draft: 0.9, guide: 0.1, refine: 0.9, decode: 0.8 } as const;
/**
 * Bytes that ONNX Runtime takes on the CPU for each byte of weights and of values at the worst moment: it packs
 * weights anew, and its arena grows by doubling. Measured on mini sizes from 128x128x9 to 1920x1088x25 (weights 1.2 and
 * 1.6; values 3.5 to 4.8 and 2.4 to 2.7).
 */
const overhead = {
  text: { weights: 1.2, values: 4.5 },
  denoise: { weights: 1.2, values: 4.5 },
  draft: { weights: 1.2, values: 4.5 },
  guide: { weights: 1.2, values: 4.5 },
  refine: { weights: 1.2, values: 4.5 },
  decode: { weights: 1.6, values: 2.7 },
} as const;
/** What any compiled program takes. */
const programBytes = 35e6;
/** Seconds to encode a pixel, and bytes that it takes on disk, as H.264. */
const encoding = { seconds: 40e-9, bytes: 0.02 } as const;
const float = 4;

export function planVideo(
  model: PlannedModel,
  request: PlannedRequest,
  { gflops, baseBytes, keeps }: Machine,
): VideoPlan {
  const { made, asked, draft } = request;
  const grid = gridOf(made, model.vae.config);
  const tokens = tokensOf(grid);
  const { channels } = model.transformer.config;
  const stage: PlanStage = (name, program, runs, extraBytes, of) => {
    const plan = planProgram(program);
    const flops = runs * plan.flops;
    const seconds = flops / (gflops * 1e9 * efficiency[name]);
    const peakBytes = baseBytes + extraBytes + bytesOf(plan, program, overhead[name]);
    return { name, runs, flops, seconds, peakBytes, ...(of ? { tokens: of } : {}) };
  };
  const latentBytes = tokens * channels * float;
  const { times, rows, columns } = tilesOf(grid, defaultTiling);
  const tiles = times.length * rows.length * columns.length;
  const tile = { frames: times[0]!.length, height: rows[0]!.length, width: columns[0]!.length };
  const [t] = compression(model.vae.config);
  const slab = 3 * ((tile.frames - 1) * t + 1) * made.width * made.height * float;
  const encoded = asked.width * asked.height * asked.frames;
  const stages = [
    stage("text", textProgram(model, draft || request.guidanceScale !== 1 ? 2 : 1, keeps), 1, 0),
    ...(draft
      ? planTwoStages(model, { ...request, draft }, stage, keeps)
      : [planOneStage(model, request, stage, keeps)]),
    // The latents and a window of frames.
    stage("decode", decodeProgram(model as TextToVideoModel, tile, keeps), tiles, latentBytes + slab),
    encodeStage(asked, encoded, baseBytes),
  ];
  return {
    stages,
    seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0),
    peakBytes: Math.max(...stages.map(({ peakBytes }) => peakBytes)),
    tokens,
    tiles,
    diskBytes: Math.ceil(latentBytes + encoding.bytes * encoded),
    gflops,
  };
}

type PlanStage = (
  name: keyof typeof efficiency,
  program: Program,
  runs: number,
  extraBytes: number,
  tokens?: number,
) => StagePlan;

/** Noise, latents before and after a step, estimate and packed copies, in sizes of the latents. */
const copies = 6;

const batchOf = (guidanceScale: number): number => (guidanceScale === 1 ? 1 : 2);

function planOneStage(
  model: PlannedModel,
  { made, sigmas, guidanceScale }: PlannedRequest,
  stage: PlanStage,
  keeps: Runtime["keeps"],
): StagePlan {
  const grid = gridOf(made, model.vae.config);
  const tokens = tokensOf(grid);
  const bytes = copies * tokens * model.transformer.config.channels * float;
  const program = velocityProgram(model, { grid, batch: batchOf(guidanceScale) }, keeps);
  return stage("denoise", program, sigmas.length - 1, bytes, tokens);
}

function planTwoStages(
  model: PlannedModel,
  { made, sigmas, guidanceScale, draft }: PlannedRequest & { readonly draft: Draft },
  stage: PlanStage,
  keeps: Runtime["keeps"],
): StagePlan[] {
  const hr = model.hr!;
  const { taps, guidance, transformer } = hr.config;
  const [small, large] = [gridOf(draft, model.vae.config), gridOf(made, model.vae.config)];
  const [few, many] = [tokensOf(small), tokensOf(large)];
  const batch = batchOf(draft.guidanceScale);
  const first = velocityProgram(model, { grid: small, batch, taps: guidance === "features" ? taps : [] }, keeps);
  const second = refineProgram({ ...model, hr }, { grid: large, batch: batchOf(guidanceScale) }, keeps);
  const latents = (tokens: number) => copies * tokens * transformer.channels * float;
  const guides = taps.length * many * widthOf(transformer) * float;
  return [
    stage("draft", first, draft.sigmas.length - 1, latents(few), few),
    ...(guidance === "none" ? [] : [stage("guide", guideProgram(hr.config, small, large, keeps), 1, guides, many)]),
    stage("refine", second, sigmas.length - 1, latents(many) + guides, many),
  ];
}

const encodeStage = ({ width, height, frames }: VideoSize, pixels: number, baseBytes: number): StagePlan => ({
  name: "encode",
  runs: frames,
  flops: 0,
  seconds: encoding.seconds * pixels,
  peakBytes: baseBytes + 32 * width * height,
});

function bytesOf(
  { parameterBytes, constantBytes, inputBytes, peakBytes }: ProgramPlan,
  program: Program,
  factor: { readonly weights: number; readonly values: number },
): number {
  const values = factor.values * peakBytes + constantBytes + inputBytes + scratchOf(program);
  return programBytes + factor.weights * parameterBytes + values;
}

/** Logits of the largest attention that has a bias; without one they are never whole. */
function scratchOf({ nodes }: Program): number {
  let most = 0;
  for (const node of nodes) {
    if (node.op !== "kernel") continue;
    const { kernel, options } = node.attributes as OpAttributes["kernel"];
    if (kernel.name !== "attention" || node.inputs.length < 4) continue;
    const [q, k] = node.inputs.map((at) => nodes[at]!.shape);
    most = Math.max(most, q![0]! * (options as { heads: number }).heads * q![1]! * k![1]! * float);
  }
  return most;
}

/** Candidates that are smaller than asked, nearest first: fewer frames, then smaller pictures. */
export function* smaller(asked: VideoSize, { vae }: PlannedModel): Generator<VideoSize> {
  const [t, h, w] = compression(vae.config);
  for (let steps = Math.ceil((asked.frames - 1) / t) - 1; steps > 0; steps = Math.floor(steps * 0.8))
    yield { ...asked, frames: steps * t + 1 };
  for (let share = 0.9; share > 0.02; share *= 0.85) {
    const down = (side: number, step: number) => Math.max(step, Math.floor((side * share) / step) * step);
    const [width, height] = [down(asked.width, w), down(asked.height, h)];
    yield { width, height, frames: asked.frames };
    yield { width, height, frames: t + 1 };
  }
}
