/** One training run: compiles a task's losses once per shape and moves its weights step by step. */

import type { HostTensor } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { gradients } from "../tensor/reverse.ts";
import type { Executable, Runtime, State } from "../tensor/runtime.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AdamConfig, adam, adamDefaults, adamInputs, initialMoments, momentNames } from "./optimiser.ts";

/** What is being learned. Batches are pure functions of the step, so that a run can stop and go on to the same bits. */
export interface Task {
  /** Model whose parameters (mounted) are trained. */
  readonly model: object;
  readonly steps: number;
  /** The shape of step `step`'s program; steps with equal keys share one. */
  bucket(step: number): string;
  /** Traces the loss of a bucket, and further scalars to report. */
  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> };
  batch(step: number): Promise<Record<string, HostTensor>>;
  /** Weights to start from. */
  initial(): Promise<ReadonlyMap<string, HostTensor>> | ReadonlyMap<string, HostTensor>;
  /** Parameters that stay as they start; none when left out. */
  frozen?(name: string): boolean;
}

export interface OptimiserSettings extends Partial<AdamConfig> {
  readonly rate?: number;
  readonly warmup?: number;
  readonly final?: number;
}

export interface StepReport {
  readonly step: number;
  readonly loss: number;
  readonly rate: number;
  /** Global norm of the gradients before clipping. */
  readonly norm: number;
  readonly seconds: number;
  readonly values: Readonly<Record<string, number>>;
}

/** Linear warm-up, then a cosine from `rate` to `rate * final`. */
export function learningRate(
  step: number,
  steps: number,
  { rate = 1e-3, warmup = 100, final = 0.05 }: OptimiserSettings,
): number {
  if (step <= warmup) return (rate * step) / Math.max(1, warmup);
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return rate * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

export class Trainer {
  readonly task: Task;
  /** Steps done. */
  step = 0;
  readonly #runtime: Runtime;
  readonly #settings: OptimiserSettings;
  readonly #adam: AdamConfig;
  readonly #state: State;
  readonly #programs = new Map<string, Executable>();

  private constructor(task: Task, runtime: Runtime, settings: OptimiserSettings, state: State) {
    this.task = task;
    this.#runtime = runtime;
    this.#settings = settings;
    this.#adam = { ...adamDefaults, ...settings };
    this.#state = state;
  }

  /** A run that starts at `weights`. */
  static async start(
    task: Task,
    runtime: Runtime,
    weights: ReadonlyMap<string, HostTensor>,
    settings: OptimiserSettings = {},
  ): Promise<Trainer> {
    const trained = new Map([...weights].filter(([name]) => !task.frozen?.(name)));
    const moments = initialMoments(trained, { ...adamDefaults, ...settings });
    return new Trainer(task, runtime, settings, await runtime.state(new Map([...weights, ...moments])));
  }

  /** A run that goes on from a `snapshot`. */
  static async resume(
    task: Task,
    runtime: Runtime,
    snapshot: ReadonlyMap<string, HostTensor>,
    step: number,
    settings: OptimiserSettings = {},
  ): Promise<Trainer> {
    const trainer = new Trainer(task, runtime, settings, await runtime.state(snapshot));
    trainer.step = step;
    return trainer;
  }

  get done(): boolean {
    return this.step >= this.task.steps;
  }

  /** One update of the weights. */
  async advance(): Promise<StepReport> {
    const started = performance.now();
    const step = this.step + 1;
    const executable = await this.#program(this.task.bucket(step));
    const rate = learningRate(step, this.task.steps, this.#settings);
    const results = await executable.run({ ...(await this.task.batch(step)), ...adamInputs(step, rate, this.#adam) });
    this.step = step;
    const { loss, norm, ...values } = Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data[0]!]),
    );
    return { step, loss: loss!, norm: norm!, rate, seconds: (performance.now() - started) / 1000, values };
  }

  async #program(bucket: string): Promise<Executable> {
    const known = this.#programs.get(bucket);
    if (known) return known;
    const { loss, report } = this.task.loss(bucket);
    const parameters = [...parametersOf(this.task.model)].flatMap(([name, p]) => (this.task.frozen?.(name) ? [] : [p]));
    const { updates, norm } = adam(parameters, gradients(loss, parameters), this.#adam);
    const program = buildProgram({ loss, norm, ...report }, { updates, keep: this.#runtime.keeps });
    const made = await this.#runtime.compile(program, { state: this.#state });
    this.#programs.set(bucket, made);
    return made;
  }

  /** Everything that a later `resume` needs: weights, moments, averages. */
  async snapshot(): Promise<Map<string, HostTensor>> {
    return new Map(
      await Promise.all(this.#state.names.map(async (name) => [name, await this.#state.read(name)] as const)),
    );
  }

  /** The weights to keep: running averages where there are any. */
  async weights(): Promise<Map<string, HostTensor>> {
    const averaged = this.#adam.average > 0;
    const names = [...parametersOf(this.task.model).keys()];
    return new Map(
      await Promise.all(
        names.map(async (name) => {
          const kept = averaged && !this.task.frozen?.(name) ? momentNames(name).average : name;
          return [name, await this.#state.read(kept)] as const;
        }),
      ),
    );
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#state.dispose();
  }
}
