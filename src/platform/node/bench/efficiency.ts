/**
 * Seconds of a denoising step at 2560x1440 by models too large to run here: layers at full width with made-up weights are
 * timed over sizes that fit, fitted by a N + b N², checked at a size that the fit has not seen, and extrapolated. After the
 * protocol of Turbo2K's Table 2 (arXiv 2504.14470), for the device at hand.
 */
import { availableParallelism } from "node:os";
import {
  cogVideoX2b,
  fitTimes,
  flopsRatio,
  hunyuanVideo,
  type StepModel,
  type TimeFit,
  tokenCount,
  turbo2k,
} from "../../../metrics/efficiency.ts";
import type { Estimate } from "../../../metrics/interval.ts";
import * as hunyuan from "../../../models/hunyuan/config.ts";
import { openOrt } from "../devices/ort.ts";
import { type BenchReport, type BenchRequest, benchCases, type CaseResult, runCase } from "./bench.ts";
import { type PipelineCosts, pipelineCosts, stepPrograms } from "./efficiency-pipeline.ts";
import { machine, source } from "./machine.ts";
import type { Clock } from "./measure.ts";
import { narrow } from "./model-cases.ts";

export interface EfficiencyRequest {
  /** Layers of a few channels over a few tokens: shows that everything runs, measures nothing. */
  readonly tiny?: boolean;
  readonly reps?: number;
  readonly threads?: number;
  /** `cpu` for a machine that others use too; it implies one thread. */
  readonly clock?: Clock;
  /** Interpreter of an environment with PyTorch, timed at the largest size of each fit. */
  readonly python?: string;
}

type Size = readonly [frames: number, height: number, width: number];

interface Subject {
  readonly model: StepModel;
  /** What is timed in place of the model's own layer, where that is not among our models. */
  readonly standIn?: string;
  readonly case: string;
  readonly config: Record<string, unknown>;
  readonly words: number;
  /** Whether the text is part of the sequence. */
  readonly isJoint: boolean;
  /** Token grids of the fit, and the one that checks it. */
  readonly sizes: readonly Size[];
  readonly check: Size;
}

const small: readonly Size[] = [
  [7, 10, 13],
  [7, 15, 17],
  [7, 17, 30],
];
const joint = { case: "joint-block", isJoint: true, sizes: small, check: [7, 24, 42] } as const;

const subjects: readonly Subject[] = [
  {
    ...joint,
    model: cogVideoX2b,
    standIn: "a single block of HunyuanVideo at CogVideoX-2B's width: the same products and joint attention",
    config: hunyuan.toDiffusers({ ...hunyuan.hunyuanVideo, heads: 30, headWidth: 64, ropeAxes: [16, 24, 24] }),
    words: 226,
  },
  {
    ...joint,
    model: hunyuanVideo,
    standIn: "60 single blocks; 20 of HunyuanVideo's are double, with the same arithmetic for a video token",
    config: hunyuan.toDiffusers(hunyuan.hunyuanVideo),
    words: 256,
  },
  {
    model: turbo2k,
    case: "block",
    config: {},
    words: 128,
    isJoint: false,
    sizes: [...small, [7, 24, 42]],
    check: [7, 45, 40], // half a picture of 49 frames of 2560x1440
  },
];

const tinySizes: readonly Size[] = [
  [1, 2, 3],
  [2, 2, 3],
  [2, 4, 4],
];

function tiny(subject: Subject): Subject {
  const config = subject.isJoint ? benchCases.find(({ name }) => name === subject.case)!.tinyConfig! : narrow;
  return { ...subject, config, words: 4, sizes: tinySizes, check: [2, 4, 6] };
}

const sizeAt = (frames: number) => ({ width: 2560, height: 1440, frames });
const lengths = [49, 121] as const;

/** One model at one length. Everything but tokens and operations is extrapolated from layers. */
export interface StepFigures {
  readonly frames: number;
  readonly tokens: number;
  /** Of one forward pass; guidance makes two. */
  readonly flops: number;
  readonly seconds: Estimate;
  readonly gflopsPerSecond: number;
  /** Weights of all layers and values of one, in f32, as planned. */
  readonly plannedBytes: number;
}

export interface ModelFigures {
  readonly model: string;
  readonly standIn?: string;
  readonly layers: number;
  readonly width: number;
  readonly measured: readonly (CaseResult & { readonly tokens: number })[];
  /** The most memory that the process had taken when this model was done. */
  readonly rssBytes: number;
  readonly fit: { readonly linear: number; readonly quadratic: number };
  /** A size that the fit has not seen, measured once. */
  readonly check: {
    readonly tokens: number;
    readonly seconds: number;
    readonly predicted: Estimate;
    readonly error: number;
  };
  /** Of a product and of attention, from the two terms of the fit. */
  readonly gflopsPerSecond: { readonly products: number; readonly attention: number };
  readonly steps: readonly StepFigures[];
}

/** How much longer a step takes than Turbo2K's second stage. */
export interface Ratio {
  readonly of: string;
  readonly frames: number;
  readonly analytic: number;
  /** Of extrapolated seconds. */
  readonly extrapolated: number;
}

export interface EfficiencyReport extends Omit<BenchReport, "results" | "rounds"> {
  /** What seconds are: passed, or of the processor. */
  readonly clock: Clock;
  readonly models: readonly ModelFigures[];
  readonly ratios: readonly Ratio[];
  readonly autoencoder: readonly CaseResult[];
  readonly pipelines: readonly PipelineCosts[];
}

export type EfficiencyEvent =
  | { readonly type: "result"; readonly result: CaseResult }
  | { readonly type: "report"; readonly report: EfficiencyReport };

const caseNamed = (name: string) => benchCases.find((one) => one.name === name)!;

/** Layer by layer; the whole report comes last. */
export async function* efficiency(request: EfficiencyRequest, signal?: AbortSignal): AsyncGenerator<EfficiencyEvent> {
  const { clock = "wall", reps = 2, python } = request;
  const threads = clock === "cpu" ? 1 : (request.threads ?? availableParallelism());
  const runtime = openOrt({ threads });
  const date = new Date().toISOString();
  const run = async (
    name: string,
    { compared, ...change }: Pick<BenchRequest, "shape" | "config" | "reps"> & { compared?: boolean } = {},
  ) => {
    signal?.throwIfAborted();
    const options = {
      tiny: request.tiny ?? false,
      rounds: 1,
      warmup: 0,
      reps,
      threads,
      clock,
      ...(compared && python ? { python } : {}),
    };
    return runCase(caseNamed(name), runtime, { ...options, ...change }, signal);
  };
  const models: { figures: ModelFigures; layer: Layer; subject: Subject }[] = [];
  for (const original of subjects) {
    const subject = request.tiny ? tiny(original) : original;
    const measured: (CaseResult & { tokens: number })[] = [];
    const shapeOf = (size: Size) => [1, ...size, subject.words];
    for (const size of subject.sizes) {
      const compared = size === subject.sizes.at(-1);
      const result = await run(subject.case, { shape: shapeOf(size), config: subject.config, compared });
      measured.push({ ...result, tokens: sequence(subject, size) });
      yield { type: "result", result };
    }
    const check = await run(subject.case, {
      shape: shapeOf(subject.check),
      config: subject.config,
      reps: 1,
    });
    yield { type: "result", result: check };
    const layer = layerOf(measured);
    models.push({ subject, layer, figures: modelFigures(subject, measured, check, layer) });
  }
  const autoencoder: CaseResult[] = [];
  for (const name of ["vae-decode", "vae-encode"]) {
    const result = await run(name, { reps: 1 });
    autoencoder.push(result);
    yield { type: "result", result };
  }
  const [coder, own] = [autoencoder.map(({ gflopsPerSecond }) => gflopsPerSecond * 1e9), models.at(-1)!];
  const secondsOf = (tokens: number, flops: number) => stepSeconds(turbo2k, own.layer, tokens, flops).value;
  const rates = { decode: coder[0]!, encode: coder[1]!, products: 1e9 * own.figures.gflopsPerSecond.products };
  yield {
    type: "report",
    report: {
      date,
      ...(await source()),
      machine: machine(),
      runtime: runtime.name,
      device: "cpu",
      threads,
      clock,
      models: models.map(({ figures }) => figures),
      ratios: lengths.flatMap((frames) => ratiosAt(frames, models)),
      autoencoder,
      pipelines: lengths.flatMap((frames) => pipelineCosts(frames, secondsOf, rates)),
    },
  };
}

const sequence = ({ isJoint, words }: Subject, [frames, height, width]: Size): number =>
  frames * height * width + (isJoint ? words : 0);

/** What measurements of one layer say about others of its kind. */
interface Layer {
  readonly fit: TimeFit;
  /** Operations a second of the term that grows with N, and of that with N². */
  readonly products: number;
  readonly attention: number;
  flopsAt(tokens: number): number;
  /** Planned memory over N tokens: exactly a line, since attention keeps no scores. */
  bytesAt(tokens: number): number;
}

function layerOf(measured: readonly (CaseResult & { tokens: number })[]): Layer {
  const fit = fitTimes(measured.flatMap(({ tokens, seconds }) => seconds.all.map((one) => ({ tokens, seconds: one }))));
  const [first, last] = [measured[0]!, measured.at(-1)!];
  const slope = (last.plannedBytes - first.plannedBytes) / (last.tokens - first.tokens);
  // Operations are a line and a parabola too; the parabola is attention.
  const work = fitTimes(measured.map(({ tokens, flops }) => ({ tokens, seconds: flops })));
  return {
    fit,
    products: work.linear / fit.linear,
    attention: work.quadratic / fit.quadratic,
    flopsAt: (tokens) => work.at(tokens).value,
    bytesAt: (tokens) => last.plannedBytes + slope * (tokens - last.tokens),
  };
}

/** A forward pass: its layers by the fit, and what lies around them at the rate of products. */
function stepSeconds({ layers }: StepModel, layer: Layer, tokens: number, flops: number): Estimate {
  const { value, low, high, n } = layer.fit.at(tokens);
  const rest = (flops - layers * layer.flopsAt(tokens)) / layer.products;
  const whole = (seconds: number | null) => (seconds === null ? null : layers * seconds + rest);
  return { value: layers * value + rest, low: whole(low), high: whole(high), n };
}

function modelFigures(
  subject: Subject,
  measured: ModelFigures["measured"],
  held: CaseResult,
  layer: Layer,
): ModelFigures {
  const { model, standIn } = subject;
  const tokens = sequence(subject, subject.check);
  const predicted = layer.fit.at(tokens);
  const seconds = held.seconds.median;
  return {
    model: model.name,
    ...(standIn ? { standIn } : {}),
    layers: model.layers,
    width: model.width,
    measured,
    rssBytes: process.resourceUsage().maxRSS * 1024,
    fit: { linear: layer.fit.linear, quadratic: layer.fit.quadratic },
    check: { tokens, seconds, predicted, error: predicted.value / seconds - 1 },
    gflopsPerSecond: { products: layer.products / 1e9, attention: layer.attention / 1e9 },
    steps: lengths.map((frames) => {
      const video = tokenCount(sizeAt(frames), model);
      const length = video + (subject.isJoint ? subject.words : 0);
      const flops = model === turbo2k ? stepPrograms(frames).refine : model.layers * layer.flopsAt(length);
      const estimated = stepSeconds(model, layer, length, flops);
      return {
        frames,
        tokens: video,
        flops,
        seconds: estimated,
        gflopsPerSecond: flops / estimated.value / 1e9,
        plannedBytes: layer.bytesAt(length) + (model.layers - 1) * layer.bytesAt(0),
      };
    }),
  };
}

function ratiosAt(
  frames: number,
  models: readonly { readonly figures: ModelFigures; readonly layer: Layer; readonly subject: Subject }[],
): Ratio[] {
  const { figures: own, layer } = models.at(-1)!;
  const secondsAt = (figures: ModelFigures) => figures.steps.find((one) => one.frames === frames)!.seconds.value;
  const denser: StepModel = { ...turbo2k, span: cogVideoX2b.span };
  const many = tokenCount(sizeAt(frames), denser);
  return [
    {
      of: "the same layers over an 8x8x4 latent",
      frames,
      analytic: flopsRatio(denser, turbo2k, sizeAt(frames)),
      extrapolated: (turbo2k.layers * layer.fit.at(many).value) / secondsAt(own),
    },
    ...models.slice(0, -1).map(({ figures, subject }) => ({
      of: figures.model,
      frames,
      analytic: flopsRatio(subject.model, turbo2k, sizeAt(frames)),
      extrapolated: secondsAt(figures) / secondsAt(own),
    })),
  ];
}
