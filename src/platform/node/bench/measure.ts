import { flops } from "../../../tensor/flops.ts";
import { planMemory } from "../../../tensor/liveness.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { buildProgram } from "../../../tensor/program.ts";
import { gradients } from "../../../tensor/reverse.ts";
import { type Runtime, type Weights, weightInMemory } from "../../../tensor/runtime.ts";
import { adam, adamDefaults, adamInputs, initialMoments } from "../../../training/optimiser.ts";
import { madeWeight, type Trial } from "./case.ts";

export interface Prepared {
  run(): Promise<void>;
  readonly flops: number;
  /** Memory that the program's plan asks for: weights, inputs, results and the arena. */
  readonly plannedBytes: number;
  dispose(): void;
}

/** As `tools/parity/bench.py` trains: AdamW with its usual decay, clipped, without a running average. */
const settings = { ...adamDefaults, beta2: 0.999, weightDecay: 0.01, average: 0 };
const rate = 1e-4;

/** Compiles a trial. */
export async function prepare(trial: Trial, runtime: Runtime): Promise<Prepared> {
  const parameters = trial.model ? parametersOf(trial.model) : new Map();
  const values = new Map([...parameters].map(([name, { shape }]) => [name, madeWeight(name, shape)]));
  if (!trial.loss) {
    const weights: Weights = new Map([...values].map(([name, value]) => [name, weightInMemory(value)]));
    const program = buildProgram(trial.outputs, { keep: runtime.keeps });
    const executable = await runtime.compile(program, { weights });
    return {
      ...sizesOf(program),
      run: async () => void (await executable.run(trial.feeds)),
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
    ...sizesOf(program),
    async run() {
      await executable.run({ ...trial.feeds, ...adamInputs(++step, rate, settings) });
    },
    dispose() {
      executable.dispose();
      state.dispose();
    },
  };
}

function sizesOf(program: ReturnType<typeof buildProgram>): { flops: number; plannedBytes: number } {
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

/** Seconds of `reps` runs after `warmup` more. */
export async function timesOf(
  run: () => Promise<void>,
  { warmup, reps, clock = "wall", signal }: { warmup: number; reps: number; clock?: Clock; signal?: AbortSignal },
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
