/** Runs benchmarks, PyTorch's alternately with ours where asked, and gathers figures. */
import { availableParallelism, loadavg } from "node:os";
import { InputError } from "../../../base/errors.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { openOrt } from "../devices/ort.ts";
import type { BenchCase, Trial } from "./case.ts";
import { openTimed } from "./device.ts";
import { jointBlock } from "./joint-block.ts";
import { kernelCases } from "./kernel-cases.ts";
import { type Machine, machine, source } from "./machine.ts";
import { type Clock, prepare, type TimesOptions, timesOf, timesOnDevice } from "./measure.ts";
import { modelCases } from "./model-cases.ts";
import { timePython } from "./python.ts";
import { trainingCases } from "./training-cases.ts";

export const benchCases: readonly BenchCase[] = [...kernelCases, ...modelCases, jointBlock, ...trainingCases];

export interface BenchRequest {
  /** Names; all by default. */
  readonly cases?: readonly string[];
  /** Sizes in place of the default ones, for one case. */
  readonly shape?: readonly number[];
  /** Settings in place of the default ones, as diffusers writes them, for one case. */
  readonly config?: Record<string, unknown>;
  /** The smallest sizes: shows that everything runs, measures nothing. */
  readonly tiny?: boolean;
  readonly rounds?: number;
  /** Runs that count, in each round. */
  readonly reps?: number;
  /** Runs before them. */
  readonly warmup?: number;
  readonly threads?: number;
  /** What counts as seconds; the processor's time means something for one thread only. */
  readonly clock?: Clock;
  /** What computes; the CPU by default, so that figures compare. */
  readonly device?: GenerateRequest["device"];
  /** `f16`: a GPU keeps weights and what lies between shaders in it, and multiplies it where it has matrix units. */
  readonly precision?: "f32" | "f16";
  /** Interpreter of an environment with PyTorch. */
  readonly python?: string;
  /** Compare with ONNX Runtime's own WebGPU provider. */
  readonly onnxruntime?: boolean;
}

export interface Timing {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** (max - min) / median. */
  readonly spread: number;
  readonly n: number;
  readonly all: readonly number[];
}

export interface CaseResult {
  readonly case: string;
  readonly sizes: string;
  readonly shape: readonly number[];
  readonly config?: Record<string, unknown>;
  /** Of a GPU: on the device, without what goes to and from the host. */
  readonly seconds: Timing;
  /** Of a GPU: the whole call, inputs handed over and results back on the host. */
  readonly hostSeconds?: Timing;
  readonly gflopsPerSecond: number;
  readonly flops: number;
  readonly plannedBytes: number;
  /** Of a GPU: the precision asked for, and the forms of shaders that do most of the work. */
  readonly precision?: "f32" | "f16";
  readonly variants?: readonly string[];
  /** Processes that wanted to run, before and after (one-minute average). */
  readonly load: readonly [number, number];
  readonly python?: {
    readonly torch: string;
    readonly dtype: string;
    readonly device: string;
    readonly peakBytes: number;
    readonly seconds: Timing;
  };
  /** ONNX Runtime's own WebGPU provider, which takes inputs from the host and leaves results there; or why it did not run. */
  readonly onnxruntime?: { readonly hostSeconds: Timing } | { readonly failure: string };
  /** Our time over PyTorch's, of the medians and of each round. */
  readonly ratio?: { readonly median: number; readonly rounds: readonly number[] };
}

export interface BenchReport {
  readonly date: string;
  readonly version: string;
  readonly commit?: string;
  readonly machine: Machine;
  readonly runtime: string;
  readonly device: string;
  readonly threads: number;
  readonly rounds: number;
  readonly results: readonly CaseResult[];
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
};

export function timing(all: readonly number[]): Timing {
  const [min, max, middle] = [Math.min(...all), Math.max(...all), median(all)];
  return { median: middle, min, max, spread: (max - min) / middle, n: all.length, all };
}

/** The cases of a request. @throws InputError for unknown names, and for sizes that do not fit the case */
export function chosen({ cases = [], shape, config }: BenchRequest): BenchCase[] {
  const names = benchCases.map(({ name }) => name);
  const unknown = cases.filter((name) => !names.includes(name));
  if (unknown.length)
    throw new InputError(`no benchmark is called ${unknown.join(", ")}`, { hint: `there are ${names.join(", ")}` });
  const list = cases.length ? benchCases.filter(({ name }) => cases.includes(name)) : [...benchCases];
  if ((shape || config) && list.length !== 1)
    throw new InputError(`${shape ? "--shape" : "--config"} needs one case`, { hint: "add --case NAME" });
  const [only] = list;
  if (shape && shape.length !== only!.shape.length)
    throw new InputError(`${only!.name} takes ${only!.sizes}, got ${shape.join()}`, {
      hint: `for example ${only!.shape.join()}`,
    });
  if (config && !only!.config) throw new InputError(`${only!.name} takes no settings`);
  return list;
}

/** One case, ours and PyTorch's in turn. */
export async function runCase(
  one: BenchCase,
  runtime: Runtime,
  request: BenchRequest,
  signal?: AbortSignal,
): Promise<CaseResult> {
  const { rounds = 3, reps = 3, warmup = 1, python, tiny, threads = availableParallelism(), clock = "wall" } = request;
  const shape = request.shape ?? (tiny ? one.tiny : one.shape);
  const config = request.config ?? (tiny ? one.tinyConfig : await one.config?.());
  const before = loadavg()[0]!;
  const trial = one.trace(shape, config ?? {});
  const prepared = await prepare(trial, runtime);
  try {
    const ours: number[][] = [];
    const onHost: number[] = [];
    const theirs: number[][] = [];
    let about: { torch: string; dtype: string; device: string; peakBytes: number } | undefined;
    for (let round = 0; round < rounds; round++) {
      const times = await timesOf(prepared.run, { warmup, reps, clock, signal });
      ours.push(prepared.onDevice ? await timesOnDevice(prepared.onDevice, { reps, signal }) : times);
      onHost.push(...times);
      if (!python) continue;
      const settings = config && Object.keys(config).length ? config : undefined;
      const result = await timePython(
        python,
        { name: one.name, shape, config: settings, reps, warmup, threads, clock, isGpu: runtime.name === "webgpu" },
        signal,
      );
      theirs.push([...result.seconds.all]);
      const { torch, dtype, device, peak_bytes: peakBytes } = result;
      about = { torch, dtype, device, peakBytes };
    }
    const seconds = timing(ours.flat());
    const others = about && timing(theirs.flat());
    const onnxruntime = request.onnxruntime && (await timeOnnxRuntime(trial, { warmup, reps, signal }));
    return {
      case: one.name,
      sizes: one.sizes,
      shape,
      ...(config ? { config } : {}),
      seconds,
      ...(prepared.onDevice ? { hostSeconds: timing(onHost) } : {}),
      flops: prepared.flops,
      gflopsPerSecond: prepared.flops / seconds.median / 1e9,
      plannedBytes: prepared.plannedBytes,
      ...(prepared.variants ? { precision: request.precision ?? "f32", variants: prepared.variants } : {}),
      load: [before, loadavg()[0]!],
      ...(onnxruntime ? { onnxruntime } : {}),
      ...(about && others
        ? {
            python: { ...about, seconds: others },
            ratio: {
              median: seconds.median / others.median,
              rounds: ours.map((own, round) => median(own) / median(theirs[round]!)),
            },
          }
        : {}),
    };
  } finally {
    prepared.dispose();
  }
}

/** The same trial by ONNX Runtime's WebGPU provider; that it cannot run is a result too. */
async function timeOnnxRuntime(trial: Trial, options: TimesOptions): Promise<NonNullable<CaseResult["onnxruntime"]>> {
  try {
    const prepared = await prepare(trial, openOrt({ provider: "webgpu" }));
    try {
      return { hostSeconds: timing(await timesOf(prepared.run, options)) };
    } finally {
      prepared.dispose();
    }
  } catch (cause) {
    options.signal?.throwIfAborted();
    return { failure: (cause as Error).message };
  }
}

export type BenchEvent =
  | { readonly type: "result"; readonly result: CaseResult }
  | { readonly type: "report"; readonly report: BenchReport };

/** Case by case; the whole report comes last. */
export async function* bench(request: BenchRequest, signal?: AbortSignal): AsyncGenerator<BenchEvent> {
  const list = chosen(request);
  const threads = request.threads ?? availableParallelism();
  const { name, runtime } = await openTimed({ ...request, threads });
  const date = new Date().toISOString();
  const results: CaseResult[] = [];
  for (const one of list) {
    signal?.throwIfAborted();
    const result = await runCase(one, runtime, { ...request, threads }, signal);
    results.push(result);
    yield { type: "result", result };
  }
  const made = { date, ...(await source()), machine: machine(), runtime: runtime.name, device: name, threads };
  yield { type: "report", report: { ...made, rounds: request.rounds ?? 3, results } };
}
