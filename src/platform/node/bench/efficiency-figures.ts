/** From seconds of layers to those of steps at 2560x1440, and how they compare. */
import {
  cogVideoX2b,
  fitTimes,
  flopsRatio,
  type StepModel,
  type TimeFit,
  tokenCount,
  turbo2k,
} from "../../../metrics/efficiency.ts";
import type { Estimate } from "../../../metrics/interval.ts";
import type { CaseResult } from "./bench.ts";
import { stepPrograms } from "./efficiency-pipeline.ts";
import { type Subject, sequence } from "./efficiency-subjects.ts";

const sizeAt = (frames: number) => ({ width: 2560, height: 1440, frames });
/** Frames of the table. */
export const lengths = [49, 121] as const;

/** One layer over a sequence. */
export type MeasuredLayer = CaseResult & { readonly tokens: number };

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
  readonly measured: readonly MeasuredLayer[];
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

/** What measurements of one layer say about others of its kind. */
export interface Layer {
  readonly fit: TimeFit;
  /** Operations a second of the term that grows with N, and of that with N². */
  readonly products: number;
  readonly attention: number;
  flopsAt(tokens: number): number;
  /** Planned memory over N tokens: exactly a line, since attention keeps no scores. */
  bytesAt(tokens: number): number;
}

export function layerOf(measured: readonly MeasuredLayer[]): Layer {
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
export function stepSeconds({ layers }: StepModel, layer: Layer, tokens: number, flops: number): Estimate {
  const { value, low, high, n } = layer.fit.at(tokens);
  const rest = (flops - layers * layer.flopsAt(tokens)) / layer.products;
  const whole = (seconds: number | null) => (seconds === null ? null : layers * seconds + rest);
  return { value: layers * value + rest, low: whole(low), high: whole(high), n };
}

export function modelFigures(
  subject: Subject,
  measured: readonly MeasuredLayer[],
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

/** A model whose layer was measured. */
export interface MeasuredModel {
  readonly subject: Subject;
  readonly layer: Layer;
  readonly figures: ModelFigures;
}

export function ratiosAt(frames: number, models: readonly MeasuredModel[]): Ratio[] {
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
