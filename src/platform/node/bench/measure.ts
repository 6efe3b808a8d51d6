import { isWebGpu } from "../../../runtimes/webgpu/webgpu.ts";
import { flops } from "../../../tensor/flops.ts";
import { planMemory } from "../../../tensor/liveness.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { buildProgram, type Program } from "../../../tensor/program.ts";
import { gradients } from "../../../tensor/reverse.ts";
import {
  type CompileOptions,
  type Executable,
  type Runtime,
  type Weights,
  weightInMemory,
} from "../../../tensor/runtime.ts";
import { adam, adamDefaults, adamInputs, initialMoments } from "../../../training/optimiser.ts";
import { madeWeight, type Trial } from "./case.ts";

export interface Prepared {
  run(): Promise<void>;
  /** Seconds of one run on a device whose memory is not the host's, the mean of `count`. */
  readonly onDevice?: (count: number) => Promise<number>;
  readonly flops: number;
  /** Memory that the program's plan asks for: weights, inputs, results and the arena; of a GPU what it takes there. */
  readonly plannedBytes: number;
  /** Of a GPU: the forms of shaders that do most, by their share of the work. */
  readonly variants?: readonly string[];
  dispose(): void;
}

/** As `tools/parity/bench.py` trains: AdamW with its usual decay, clipped, without a running average. */
const settings = { ...adamDefaults, beta2: 0.999, weightDecay: 0.01, average: 0 };
const rate = 1e-4;

/** Compiles a trial. */
export async function prepare(trial: Trial, runtime: Runtime): Promise<Prepared> {
  const parameters = trial.model ? parametersOf(trial.model) : new Map();
  const values = new Map([...parameters].map(([name, parameter]) => [name, madeWeight(name, parameter)]));
  if (!trial.loss) {
    const weights: Weights = new Map([...values].map(([name, value]) => [name, weightInMemory(value)]));
    const program = buildProgram(trial.outputs, { keep: runtime.keeps });
    const executable = await runtime.compile(program, { weights });
    return {
      ...sizesOf(program, runtime, { weights }),
      ...runsOf(executable, () => trial.feeds),
      dispose: () => executable.dispose(),
    };
  }
  const list = [...parameters.values()];
  const { updates } = adam(list, gradients(trial.loss, list), settings);
  const program = buildProgram(trial.outputs, { updates, keep: runtime.keeps });
  const state = await runtime.state(initialMoments(values, settings));
  const executable = await runtime.compile(program, { state });
  let step = 0;
  return {
    ...sizesOf(program, runtime, { state }),
    ...runsOf(executable, () => ({ ...trial.feeds, ...adamInputs(++step, rate, settings) })),
    dispose() {
      executable.dispose();
      state.dispose();
    },
  };
}

function runsOf(executable: Executable, feeds: () => Trial["feeds"]): Pick<Prepared, "run" | "onDevice"> {
  return {
    run: async () => void (await executable.run(feeds())),
    ...(executable.timeOnDevice ? { onDevice: (count: number) => executable.timeOnDevice!(feeds(), count) } : {}),
  };
}

type Sizes = Pick<Prepared, "flops" | "plannedBytes" | "variants">;

function sizesOf(program: Program, runtime: Runtime, options: CompileOptions): Sizes {
  if (isWebGpu(runtime)) {
    const { weights, values } = runtime.bytesOf(program, options);
    const { steps } = runtime.lower(program, options);
    const work = new Map<string, number>();
    for (const { shader, flops } of steps) work.set(shader.variant, (work.get(shader.variant) ?? 0) + flops);
    const variants = [...work].sort(([, a], [, b]) => b - a).map(([variant]) => variant);
    return { flops: flops(program), plannedBytes: weights + values, variants: variants.slice(0, 4) };
  }
  const { peakBytes, parameterBytes, inputBytes, resultBytes, constantBytes } = planMemory(program);
  return {
    flops: flops(program),
    plannedBytes: peakBytes + parameterBytes + inputBytes + resultBytes + constantBytes,
  };
}

/** Seconds so far: passed, or (for one thread on a busy machine) spent by the processor on this process. */
export const clocks = {
  wall: () => performance.now() / 1000,
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
} as const;
export type Clock = keyof typeof clocks;

/** How long to measure at least, and how many runs at most, for one figure of a device. */
const [least, most] = [0.1, 100];

/** Seconds of a run on the device, `reps` times, each the mean of as many runs as fill a tenth of a second. */
export async function timesOnDevice(
  time: (count: number) => Promise<number>,
  { reps, signal }: { reps: number; signal?: AbortSignal | undefined },
): Promise<number[]> {
  const count = Math.min(most, Math.ceil(least / (await time(1))));
  const times: number[] = [];
  for (let i = 0; i < reps; i++) {
    signal?.throwIfAborted();
    times.push(await time(count));
  }
  return times;
}

export interface TimesOptions {
  readonly warmup: number;
  readonly reps: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Seconds of `reps` runs after `warmup` more. */
export async function timesOf(
  run: () => Promise<void>,
  { warmup, reps, clock = "wall", signal }: TimesOptions,
): Promise<number[]> {
  const times: number[] = [];
  const now = clocks[clock];
  for (let i = -warmup; i < reps; i++) {
    signal?.throwIfAborted();
    const start = now();
    await run();
    if (i >= 0) times.push(now() - start);
  }
  return times;
}
