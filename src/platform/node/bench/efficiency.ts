/**
 * Seconds of a denoising step at 2560x1440 by models too large to run here: layers at full width with made-up weights are
 * timed over sizes that fit, fitted by a N + b N², checked at a size that the fit has not seen, and extrapolated. After the
 * protocol of Turbo2K's Table 2 (arXiv 2504.14470), for the device at hand.
 */
import { availableParallelism } from "node:os";
import { InputError } from "../../../base/errors.ts";
import { turbo2k } from "../../../metrics/efficiency.ts";
import { type BenchReport, type BenchRequest, benchCases, type CaseResult, runCase } from "./bench.ts";
import { openTimed } from "./device.ts";
import {
  layerOf,
  lengths,
  type MeasuredLayer,
  type MeasuredModel,
  type ModelFigures,
  modelFigures,
  type Ratio,
  ratiosAt,
  stepSeconds,
} from "./efficiency-figures.ts";
import { type PipelineCosts, pipelineCosts } from "./efficiency-pipeline.ts";
import { type Size, sequence, subjects, tiny } from "./efficiency-subjects.ts";
import { machine, source } from "./machine.ts";
import type { Clock } from "./measure.ts";

export interface EfficiencyRequest {
  /** Layers of a few channels over a few tokens: shows that everything runs, measures nothing. */
  readonly tiny?: boolean;
  readonly reps?: number;
  readonly threads?: number;
  /** What computes; the CPU by default, so that figures compare. Of a GPU seconds are the device's, without transfers. */
  readonly device?: BenchRequest["device"];
  /** `cpu` for a machine that others use too; it implies one thread. */
  readonly clock?: Clock;
  /** Interpreter of an environment with PyTorch, timed at the largest size of each fit. */
  readonly python?: string;
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
  const device = await openTimed({ ...request, threads });
  if (clock === "cpu" && device.name !== "cpu")
    throw new InputError("the processor's time says nothing of a GPU", { hint: "leave out --clock cpu" });
  const { runtime } = device;
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
  const models: MeasuredModel[] = [];
  for (const original of subjects) {
    const subject = request.tiny ? tiny(original, caseNamed(original.case).tinyConfig!) : original;
    const measured: MeasuredLayer[] = [];
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
      device: device.name,
      threads,
      clock,
      models: models.map(({ figures }) => figures),
      ratios: lengths.flatMap((frames) => ratiosAt(frames, models)),
      autoencoder,
      pipelines: lengths.flatMap((frames) => pipelineCosts(frames, secondsOf, rates)),
    },
  };
}
