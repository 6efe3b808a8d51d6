/** What a video will take, in memory and time, without computing or loading anything: programs are only traced. */
import { type Grid, tokensOf } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { decodeProgram } from "./decode.ts";
import { defaultTiling, type Execution } from "./execution.ts";
import { footprint } from "./footprint.ts";
import type { Holding } from "./holding.ts";
import { gridOf, type VideoSize } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";
import { givenStages } from "./plan-given.ts";
import {
  type Choice,
  type Context,
  float,
  type Machine,
  type PlannedModel,
  type PlannedRequest,
  peakOf,
  type StagePlan,
  secondsOf,
  stageOf,
} from "./plan-stage.ts";
import { stepChoices } from "./plan-steps.ts";
import { textProgram } from "./text.ts";
import { overlaps, type Tiling, tileCount, tileGrid, tilesOf } from "./tiles.ts";

export type { Machine, PlannedModel, StagePlan } from "./plan-stage.ts";

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

/** Seconds to encode a pixel, and bytes that it takes on disk, as H.264. */
const encoding = { seconds: 40e-9, bytes: 0.02 } as const;
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
  const stages = [
    ...text.stages,
    ...givenStages(context),
    ...steps.stages,
    ...decode.stages,
    encodeStage(asked, pixels, baseBytes),
  ];
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
    tiles: tileCount(tilesOf(grid, decode.tiling)),
    diskBytes: Math.ceil(tokens * model.transformer.config.channels * float + encoding.bytes * pixels),
    gflops,
  };
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

/** Tiles from the usual size downwards. */
const tilings: readonly Tiling[] = [
  defaultTiling,
  ...[
    [5, 144, 3],
    [4, 64, 2],
    [3, 36, 2],
  ].map(([frames, cells, shared]) => ({ frames: frames!, cells: cells!, overlap: { frames: 2, cells: shared! } })),
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
  const tiles = tilesOf(grid, tiling);
  const tile = tileGrid(tiles);
  const planes = 3 * request.made.width * request.made.height * float;
  const framesOfWindow = (tile.frames - 1) * t + 1;
  const shared = Math.max(...tiles.times.map((_, i) => overlaps(tiles.times, i, t)[1]));
  const runs = tileCount(tiles);
  return stageOf("decode", decodeProgram(model as TextToVideoModel, tile, keeps), context, {
    holding: "mapped",
    weights: model.vae.weights,
    runs,
    tokens: tokensOf(tile),
    // The latents twice, a window of frames (while the first tile runs it is not there yet), and what it shares with the next one.
    extraBytes: 2 * latentBytes + planes * ((runs > 1 ? framesOfWindow : 0) + shared),
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
