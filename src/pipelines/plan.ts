/** What a video will take, in memory and time, without computing or loading anything: programs are only traced. */
import { widthOf } from "../models/ltx/config.ts";
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import type { Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { decodeProgram, type Tiling, tilesOf } from "./decode.ts";
import { velocityProgram } from "./denoiser.ts";
import type { Draft } from "./draft.ts";
import { batchOf, defaultTiling, type Execution } from "./execution.ts";
import { type FootprintOptions, footprint, type GpuBytes } from "./footprint.ts";
import { guideProgram } from "./guide.ts";
import { mostPredictions } from "./guided-denoiser.ts";
import { type Holding, steadyInputs } from "./holding.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import { refineProgram } from "./refiner.ts";
import type { ResolvedRequest } from "./resolve.ts";
import { textProgram } from "./text.ts";
import { upscaleProgram } from "./upscale.ts";

export interface StagePlan {
  readonly name: "text" | "denoise" | "draft" | "guide" | "upscale" | "refine" | "decode" | "encode";
  /** Latent tokens that a run works on. */
  readonly tokens?: number;
  /** How often its program runs: steps, tiles, frames. */
  readonly runs: number;
  readonly flops: number;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly holding?: Holding;
}

export interface VideoPlan {
  readonly execution: Execution;
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
  /** Memory that it may have in all. Default: no limit. */
  readonly memoryBytes?: number;
  /** See `Execution.once`. */
  readonly once?: boolean;
  /** Where programs run on a GPU: bytes are then of its memory, not of the process. */
  readonly gpu?: GpuBytes | undefined;
  readonly keeps: Runtime["keeps"];
}

export type PlannedModel = Pick<TextToVideoModel, "settings"> & {
  readonly [part in "text" | "transformer" | "vae"]: Planned<TextToVideoModel[part]>;
} & {
  readonly hr?: Planned<NonNullable<TextToVideoModel["hr"]>> | undefined;
  readonly upsampler?: Planned<NonNullable<TextToVideoModel["upsampler"]>> | undefined;
};

/** Without weights they are taken to be stored in 16 bits. */
type Planned<P extends { config: unknown; weights: unknown }> = Pick<P, "config"> & Partial<Pick<P, "weights">>;

type PlannedRequest = Pick<
  ResolvedRequest,
  "made" | "asked" | "sigmas" | "guidanceScale" | "guidance" | "draft" | "given"
>;

/**
 * Share of a matrix product's rate that whole programs reach. Measured on mini sizes with one thread: 0.9 to 1.1 and
 * 0.8 to 0.95; a little is left for threads that wait for each other.
 */
const efficiency = { text: 0.3, denoise: 0.9, draft: 0.9, guide: 0.1, upscale: 0.8, refine: 0.9, decode: 0.8 } as const;
/** What compiled programs and the runtime's library take besides. */
const programBytes = 35e6;
/** Seconds to encode a pixel, and bytes that it takes on disk, as H.264. */
const encoding = { seconds: 40e-9, bytes: 0.02 } as const;
const float = 4;
/** Stored bytes from which a text encoder, which runs once, is never held as a whole. */
const largeText = 0.5e9;

/** The fastest way that fits into the machine's memory or, where none does, the one that needs least. */
export function planVideo(model: PlannedModel, request: PlannedRequest, machine: Machine): VideoPlan {
  const { made, asked } = request;
  const grid = gridOf(made, model.vae.config);
  const { gflops, baseBytes, memoryBytes = Number.POSITIVE_INFINITY, once = false, keeps, gpu } = machine;
  const context: Context = { model, request, keeps, once, gflops, baseBytes, gpu };
  const choose = <T extends Choice>(choices: readonly T[]): T => {
    const fitting = choices.filter(({ stages }) => peakOf(stages) <= memoryBytes);
    if (fitting.length)
      return fitting.reduce((best, one) => (secondsOf(one.stages) < secondsOf(best.stages) ? one : best));
    return choices.reduce((best, one) => (peakOf(one.stages) < peakOf(best.stages) ? one : best));
  };
  const text = choose(textChoices(context));
  const steps = choose(stepChoices(context));
  const decode = chooseTiling(context, grid, memoryBytes);
  const pixels = asked.width * asked.height * asked.frames;
  const stages = [...text.stages, ...steps.stages, ...decode.stages, encodeStage(asked, pixels, baseBytes)];
  const { times, rows, columns } = tilesOf(grid, decode.tiling);
  const tokens = tokensOf(grid);
  return {
    execution: {
      text: text.holding,
      transformer: steps.holding,
      decoder: "mapped",
      sequential: steps.sequential,
      once,
      tiling: decode.tiling,
    },
    stages,
    seconds: secondsOf(stages),
    peakBytes: peakOf(stages),
    tokens,
    tiles: times.length * rows.length * columns.length,
    diskBytes: Math.ceil(tokens * model.transformer.config.channels * float + encoding.bytes * pixels),
    gflops,
  };
}

interface Context extends Pick<Machine, "gflops" | "baseBytes" | "keeps" | "gpu"> {
  readonly model: PlannedModel;
  readonly request: PlannedRequest;
  readonly once: boolean;
}

/** One way to run some stages. */
interface Choice {
  readonly stages: readonly StagePlan[];
}

const peakOf = (stages: readonly StagePlan[]): number => Math.max(...stages.map(({ peakBytes }) => peakBytes));
const secondsOf = (stages: readonly StagePlan[]): number => stages.reduce((sum, { seconds }) => sum + seconds, 0);

interface StageOptions extends FootprintOptions {
  readonly runs: number;
  /** Values of the pipeline around the program. */
  readonly extraBytes: number;
  readonly tokens?: number;
  /** Runs of the program that a step takes. */
  readonly turns?: number;
}

function stageOf(
  name: keyof typeof efficiency,
  program: Program,
  { gflops, baseBytes, gpu }: Context,
  { runs, extraBytes, tokens, turns = 1, ...options }: StageOptions,
): StagePlan {
  const { bytes, flops, flopsOnce, secondsOnce, secondsEach } = footprint(program, { ...options, gpu });
  const all = turns * (flopsOnce + runs * flops);
  const seconds = all / (gflops * 1e9 * efficiency[name]) + secondsOnce + turns * runs * secondsEach;
  const peakBytes = baseBytes + bytes + (gpu ? 0 : programBytes + extraBytes);
  return { name, runs, flops: all, seconds, peakBytes, holding: options.holding, ...(tokens ? { tokens } : {}) };
}

function textChoices(context: Context): (Choice & { readonly holding: Holding })[] {
  const { model, request, keeps, gpu } = context;
  const { guidanceScale, draft } = request;
  const prompts = guidanceScale !== 1 || (draft && (!draft.upscaled || draft.guidanceScale !== 1)) ? 2 : 1;
  const program = textProgram(model, prompts, keeps);
  const { weights } = model.text;
  const isLarge = footprint(program, { holding: "mapped", weights, gpu }).bytes > largeText;
  return (isLarge ? (["streamed"] as const) : (["mapped", "streamed"] as const)).map((holding) => ({
    holding,
    stages: [stageOf("text", program, context, { holding, weights, runs: 1, extraBytes: 0 })],
  }));
}

/** Noise, latents before and after a step, estimate and packed copies, in sizes of the latents. */
const copies = 6;

type StepChoice = Choice & Pick<Execution, "sequential"> & { readonly holding: Holding };

function stepChoices(context: Context): StepChoice[] {
  return [false, ...(hasBatches(context.request) ? [true] : [])].flatMap((sequential) => {
    const stages = stagesOf(context, sequential);
    return holdingsOf(context).map((holding) => ({
      holding,
      sequential,
      stages: stages(holding),
    }));
  });
}

/** A GPU keeps weights as they are stored; layers come and go where they do not fit. */
const holdingsOf = ({ gpu }: Context): readonly Holding[] =>
  gpu ? ["widened", "streamed"] : ["widened", "mapped", "streamed"];

/** The stages as they are with the transformer's weights held in one way or another. */
type Stages = (holding: Holding) => StagePlan[];

const steady = ({ once }: Context) => (once ? { steady: steadyInputs } : {});

/** Runs of the transformer a step. */
const turnsOf = (guidanceScale: number, batch: number): number => (guidanceScale === 1 ? 1 : 2) / batch;

/** Whether any step runs the transformer on more than one item: with and without the prompt, or perturbed. */
const hasBatches = ({ draft, ...request }: PlannedRequest): boolean =>
  [request, ...(draft ? [draft] : [])].some(
    ({ guidance, guidanceScale }) => guidanceScale !== 1 || (guidance && mostPredictions(guidance) > 1),
  );

function stagesOf(context: Context, sequential: boolean): Stages {
  const { draft, made } = context.request;
  if (draft?.upscaled) return planMultiScale(context, draft, sequential);
  if (draft) return planTwoStages(context, draft, sequential);
  return planPass(context, { ...context.request, name: "denoise", size: made, sequential });
}

interface Pass extends Pick<PlannedRequest, "sigmas" | "guidance" | "guidanceScale" | "given"> {
  readonly name: "denoise" | "draft" | "refine";
  readonly size: VideoSize;
  readonly sequential: boolean;
}

/** Steps of the transformer at one size. */
function planPass(context: Context, { name, size, sequential, sigmas, guidanceScale, guidance, given }: Pass): Stages {
  const { model, keeps } = context;
  const grid = gridOf(size, model.vae.config);
  const tokens = tokensOf(grid) + (given?.extraTokens ?? 0);
  const predictions = guidance ? mostPredictions(guidance) : batchOf(guidanceScale, { sequential: false });
  const batch = sequential ? 1 : predictions;
  const program = velocityProgram(model, { grid, batch, given }, keeps);
  const options = {
    ...steady(context),
    weights: model.transformer.weights,
    runs: sigmas.length - 1,
    turns: predictions / batch,
    extraBytes: copies * tokens * model.transformer.config.channels * float,
    tokens,
  } as const;
  return (holding) => [stageOf(name, program, context, { ...options, holding })];
}

function planMultiScale(context: Context, draft: Draft, sequential: boolean): Stages {
  const { model, keeps, request } = context;
  const { config, weights } = model.upsampler!;
  const grid = gridOf(draft, model.vae.config);
  // Tokens that stand for given pictures are as many times fewer as the whole.
  const given = request.given && { extraTokens: request.given.extraTokens / 4 };
  const first = planPass(context, { ...draft, given, name: "draft", size: draft, sequential });
  const second = planPass(context, { ...request, name: "refine", size: request.made, sequential });
  const upscaled = stageOf("upscale", upscaleProgram(config, grid, keeps), context, {
    holding: "widened",
    weights,
    runs: 1,
    extraBytes: copies * tokensOf(grid) * 4 * config.channels * float,
    tokens: tokensOf(grid),
  });
  return (holding) => [...first(holding), upscaled, ...second(holding)];
}

function planTwoStages(context: Context, draft: Draft, sequential: boolean): Stages {
  const { model, keeps } = context;
  const { made, sigmas, guidanceScale } = context.request;
  const hr = model.hr!;
  const { taps, guidance, transformer } = hr.config;
  const [small, large] = [gridOf(draft, model.vae.config), gridOf(made, model.vae.config)];
  const [few, many] = [tokensOf(small), tokensOf(large)];
  const [firstBatch, secondBatch] = [
    batchOf(draft.guidanceScale, { sequential }),
    batchOf(guidanceScale, { sequential }),
  ];
  const first = velocityProgram(
    model,
    { grid: small, batch: firstBatch, taps: guidance === "features" ? taps : [] },
    keeps,
  );
  const second = refineProgram({ ...model, hr }, { grid: large, batch: secondBatch }, keeps);
  const latents = (tokens: number) => copies * tokens * transformer.channels * float;
  const guides = taps.length * many * widthOf(transformer) * float;
  const options = { ...steady(context) } as const;
  const guide = guidance === "none" ? undefined : guideProgram(hr.config, small, large, keeps);
  return (holding) => [
    stageOf("draft", first, context, {
      ...options,
      holding,
      weights: model.transformer.weights,
      runs: draft.sigmas.length - 1,
      turns: turnsOf(draft.guidanceScale, firstBatch),
      extraBytes: latents(few),
      tokens: few,
    }),
    ...(!guide
      ? []
      : [
          stageOf("guide", guide, context, {
            holding: "widened",
            weights: hr.weights,
            runs: 1,
            extraBytes: guides,
            tokens: many,
          }),
        ]),
    stageOf("refine", second, context, {
      ...options,
      holding,
      weights: hr.weights,
      runs: sigmas.length - 1,
      turns: turnsOf(guidanceScale, secondBatch),
      extraBytes: latents(many) + guides,
      tokens: many,
    }),
  ];
}

/** Tiles from the usual size downwards. */
const tilings: readonly Tiling[] = [
  defaultTiling,
  ...[
    [5, 12, 2, 3],
    [4, 8, 2, 2],
    [3, 6, 2, 2],
  ].map(([frames, side, shared, overlap]) => ({
    frames: frames!,
    height: side!,
    width: side!,
    overlap: { frames: shared!, height: overlap!, width: overlap! },
  })),
];

/** What is tiled differently comes out differently, so that tiles are as large as usual unless they do not fit. */
function chooseTiling(context: Context, grid: Grid, memoryBytes: number): Choice & Pick<Execution, "tiling"> {
  const [tiling, ...smallerOnes] = tilings as readonly [Tiling, ...Tiling[]];
  let choice = { tiling, stages: [decodeStage(context, grid, tiling)] };
  for (const next of smallerOnes)
    if (peakOf(choice.stages) > memoryBytes) choice = { tiling: next, stages: [decodeStage(context, grid, next)] };
  return choice;
}

function decodeStage(context: Context, grid: Grid, tiling: Tiling): StagePlan {
  const { model, keeps, request } = context;
  const latentBytes = tokensOf(grid) * model.transformer.config.channels * float;
  const [t] = compression(model.vae.config);
  const { times, rows, columns } = tilesOf(grid, tiling);
  const tile = { frames: times[0]!.length, height: rows[0]!.length, width: columns[0]!.length };
  const planes = 3 * request.made.width * request.made.height * float;
  const framesOfWindow = (tile.frames - 1) * t + 1;
  const shared = times.length > 1 ? tiling.overlap.frames * t : 0;
  return stageOf("decode", decodeProgram(model as TextToVideoModel, tile, keeps), context, {
    holding: "mapped",
    weights: model.vae.weights,
    runs: times.length * rows.length * columns.length,
    // The latents twice, a window of frames, and what it shares with the next one.
    extraBytes: 2 * latentBytes + planes * (framesOfWindow + shared),
  });
}

const encodeStage = ({ width, height, frames }: VideoSize, pixels: number, baseBytes: number): StagePlan => ({
  name: "encode",
  runs: frames,
  flops: 0,
  seconds: encoding.seconds * pixels,
  peakBytes: baseBytes + 32 * width * height,
});

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
