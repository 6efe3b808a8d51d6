/** What a training run takes, phase by phase, from its programs alone: nothing is loaded or computed. */
import { planProgram } from "../runtimes/null/null.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import type { Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { momentBytes } from "./moments.ts";
import { adamOf, lossProgram, stepProgram, type Traced, updateProgram } from "./step-program.ts";
import type { OptimiserSettings, Task } from "./trainer.ts";
import { validationBucket, validationLevels } from "./validation.ts";

/** A frozen model beside a training step, or what prepares data before the first one. */
export interface FrozenRun {
  readonly name: string;
  readonly program: Program;
  readonly runs: number;
}

export interface PhasePlan {
  readonly name: string;
  readonly runs: number;
  /** Operations of all runs. */
  readonly flops: number;
  readonly seconds: number;
  readonly peakBytes: number;
}

export interface TrainingPlan {
  readonly parameters: number;
  /** Those that move. */
  readonly trained: number;
  /** Weights, moments, running averages and sums of gradients. */
  readonly stateBytes: number;
  readonly phases: readonly PhasePlan[];
  readonly seconds: number;
  readonly peakBytes: number;
}

export interface PlannedRun {
  readonly task: Traced & Pick<Task, "steps" | "bucket" | "validation">;
  readonly optimiser: OptimiserSettings;
  /** Done once before training starts, one after the other. */
  readonly preparation: readonly FrozenRun[];
  /** What every step of a bucket runs besides. */
  beside(bucket: string): readonly FrozenRun[];
}

export interface PlanMachine {
  readonly keeps: Runtime["keeps"];
  /** Billions of operations a second that matrix products reach. */
  readonly gflops: number;
  /** What the process takes anyway. */
  readonly baseBytes: number;
}

/** Share of the rate of products that whole training steps reach: `bench --case train-transformer` and `matmul`. */
const share = 0.7;

export function planTraining({ task, optimiser, preparation, beside }: PlannedRun, machine: PlanMachine): TrainingPlan {
  const { keeps, gflops, baseBytes } = machine;
  const phase = (name: string, runs: number, flops: number, peakBytes: number): PhasePlan => ({
    name,
    runs,
    flops,
    seconds: flops / (gflops * 1e9 * share),
    peakBytes: baseBytes + peakBytes,
  });
  const prepared = preparation.map(({ name, program, runs }) => {
    const { flops, held, moving } = sizesOf(program);
    return phase(name, runs, runs * flops, held + moving);
  });
  const counts = new Map<string, number>();
  for (let step = 1; step <= task.steps; step++) {
    const bucket = task.bucket(step);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const { accumulate = 1 } = optimiser;
  const update = accumulate > 1 ? sizesOf(updateProgram(task, optimiser, keeps)) : undefined;
  const state = stateBytes(task, optimiser);
  const steps = [...counts].map(([bucket, runs]) => {
    const own = sizesOf(stepProgram(task, bucket, optimiser, keeps));
    const others = beside(bucket).map(({ program, runs: times }) => ({ ...sizesOf(program), times }));
    const moving = Math.max(own.moving, update?.moving ?? 0, ...others.map((one) => one.moving));
    const held = others.reduce((sum, one) => sum + one.held, 0);
    const flops =
      own.flops + (update?.flops ?? 0) / accumulate + others.reduce((sum, one) => sum + one.times * one.flops, 0);
    return phase(`step ${bucket}`, runs, runs * flops, state + held + moving);
  });
  const { validation } = task;
  const looked = validation ? [sizesOf(lossProgram(task, validationBucket, keeps))] : [];
  const looks = looked.map(({ flops, moving }) => {
    const runs = Math.floor(task.steps / validation!.every) * validation!.clips * validationLevels.length;
    return phase("held-out clips", runs, runs * flops, state + moving);
  });
  const phases = [...prepared, ...steps, ...looks.filter(({ runs }) => runs > 0)];
  const sizes = [...parametersOf(task.model)].map(([name, { shape }]) => [name, sizeOf(shape)] as const);
  const total = (list: readonly (readonly [string, number])[]) => list.reduce((sum, [, size]) => sum + size, 0);
  return {
    parameters: total(sizes),
    trained: total(sizes.filter(([name]) => !task.frozen?.(name))),
    stateBytes: state,
    phases,
    seconds: phases.reduce((sum, { seconds }) => sum + seconds, 0),
    peakBytes: Math.max(...phases.map(({ peakBytes }) => peakBytes)),
  };
}

/** A program's operations, its weights in f32, and what else it has at the worst moment. */
function sizesOf(program: Program): { flops: number; held: number; moving: number } {
  const { flops, parameterBytes, peakBytes, inputBytes, resultBytes, constantBytes } = planProgram(program);
  return { flops, held: parameterBytes, moving: peakBytes + inputBytes + resultBytes + constantBytes };
}

const float = 4;

/** Of each trained weight itself, two moments, the average and the sum where there are any; of a frozen one itself. */
function stateBytes(task: Traced, settings: OptimiserSettings): number {
  const { accumulate = 1 } = settings;
  const { average, moments } = adamOf(settings);
  const copies = 1 + (average === 0 ? 0 : 1) + (accumulate > 1 ? 1 : 0);
  return [...parametersOf(task.model)].reduce((sum, [name, { shape }]) => {
    const each = float * sizeOf(shape);
    return sum + (task.frozen?.(name) ? each : copies * each + 2 * momentBytes(shape, moments));
  }, 0);
}
