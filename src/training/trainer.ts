/** One training run: compiles a task's losses once per shape and moves its weights step by step. */

import type { HostTensor } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import type { Program } from "../tensor/program.ts";
import type { Executable, Runtime, State } from "../tensor/runtime.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { initialSums } from "./accumulate.ts";
import { type AdamConfig, adamInputs, initialMoments, momentNames } from "./optimiser.ts";
import { adamOf, lossProgram, stepProgram, updateProgram } from "./step-program.ts";
import { type Validation, type ValidationFigures, validate, validationBucket } from "./validation.ts";

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
  /** What is looked at besides, on clips that are held out. */
  readonly validation?: Validation | undefined;
}

export interface OptimiserSettings extends Partial<AdamConfig> {
  readonly rate?: number;
  readonly warmup?: number;
  readonly final?: number;
  /** Steps whose gradients are averaged into one update; 1 when left out. */
  readonly accumulate?: number;
}

export interface StepReport {
  readonly step: number;
  readonly loss: number;
  readonly rate: number;
  /** Global norm of the gradients before clipping. */
  readonly norm: number;
  readonly seconds: number;
  readonly values: Readonly<Record<string, number>>;
  /** Of the weights after this step, where it is time for them. */
  readonly validation?: ValidationFigures;
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
  /** Gradients' norm at the last update. */
  #norm = 0;

  private constructor(task: Task, runtime: Runtime, settings: OptimiserSettings, state: State) {
    this.task = task;
    this.#runtime = runtime;
    this.#settings = settings;
    this.#adam = adamOf(settings);
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
    const moments = initialMoments(trained, adamOf(settings));
    const sums = (settings.accumulate ?? 1) > 1 ? initialSums(trained) : [];
    return new Trainer(task, runtime, settings, await runtime.state(new Map([...weights, ...moments, ...sums])));
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

  /** One step: an update of the weights, or with `accumulate` a part of one. */
  async advance(): Promise<StepReport> {
    const started = performance.now();
    const step = this.step + 1;
    const executable = await this.#program(this.task.bucket(step));
    const rate = learningRate(step, this.task.steps, this.#settings);
    const feeds = await this.task.batch(step);
    const update = step / this.#accumulate;
    const moves = Number.isInteger(update) ? adamInputs(update, rate, this.#adam) : undefined;
    const results = await executable.run(this.#accumulate === 1 ? { ...feeds, ...moves } : feeds);
    if (moves && this.#accumulate > 1) {
      const { norm } = await (await this.#updateProgram()).run(moves);
      this.#norm = norm!.data[0]!;
    }
    this.step = step;
    const { loss, norm, ...values } = Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data[0]!]),
    );
    const seconds = (performance.now() - started) / 1000;
    const report = { step, loss: loss!, norm: norm ?? this.#norm, rate, seconds, values };
    const { validation } = this.task;
    if (!validation || step % validation.every) return report;
    return { ...report, validation: await validate(await this.#lossProgram(), validation) };
  }

  get #accumulate(): number {
    return this.#settings.accumulate ?? 1;
  }

  #program(bucket: string): Promise<Executable> {
    return this.#once(bucket, () => stepProgram(this.task, bucket, this.#settings, this.#runtime.keeps));
  }

  #updateProgram(): Promise<Executable> {
    return this.#once("update", () => updateProgram(this.task, this.#settings, this.#runtime.keeps));
  }

  #lossProgram(): Promise<Executable> {
    return this.#once("loss", () => lossProgram(this.task, validationBucket, this.#runtime.keeps));
  }

  /** Names are buckets, or what no bucket is called. */
  async #once(name: string, program: () => Program): Promise<Executable> {
    const known = this.#programs.get(name);
    if (known) return known;
    const made = await this.#runtime.compile(program(), { state: this.#state });
    this.#programs.set(name, made);
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
