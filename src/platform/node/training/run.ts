/** Runs a recipe in a run folder: step, log, checkpoint, preview, until done or stopped. */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { InputError } from "../../../base/errors.ts";
import { sizeOf } from "../../../tensor/dtype.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { sumOf } from "../../../training/accumulate.ts";
import { isKeptAs } from "../../../training/moments.ts";
import { momentNames } from "../../../training/optimiser.ts";
import { parseRecipe, type Recipe } from "../../../training/recipe.ts";
import { adamOf } from "../../../training/step-program.ts";
import { type StepReport, Trainer } from "../../../training/trainer.ts";
import type { Job } from "./job.ts";
import { otherwise, RunFolder, type Snapshot } from "./run-folder.ts";
import { openJob } from "./tasks.ts";

export interface TrainOptions {
  readonly folder?: string;
  readonly resume?: boolean;
  /** Begin anew in a folder that holds a run; what it left is replaced. */
  readonly force?: boolean;
  /** Stop after this many minutes, with a snapshot to go on from. */
  readonly minutes?: number;
  /** Stop after this many steps of this sitting. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
  /** Hears how far the preparation of data is. */
  readonly prepare?: (done: number, count: number, what: string) => void;
  /** Hears what was left out of the data, and why. */
  readonly note?: ((text: string) => void) | undefined;
}

export type TrainEvent =
  | {
      readonly type: "started";
      readonly folder: string;
      readonly step: number;
      readonly steps: number;
      readonly parameters: number;
    }
  | { readonly type: "step"; readonly report: StepReport; readonly secondsLeft: number }
  | { readonly type: "checkpoint"; readonly step: number; readonly figures: Readonly<Record<string, number>> }
  | { readonly type: "finished"; readonly folder: string; readonly step: number; readonly done: boolean };

export async function readRecipe(path: string): Promise<Recipe> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("this recipe cannot be read", { where: path, cause, hint: "recipes lie in recipes/*.yaml" });
  });
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new InputError(`not YAML: ${(cause as Error).message}`, { where: path, cause });
  }
  return parseRecipe(value, path);
}

/** @throws InputError where the run folder holds a run that is neither to go on nor to be replaced */
export async function* train(path: string, runtime: Runtime, options: TrainOptions = {}): AsyncGenerator<TrainEvent> {
  const recipe = await readRecipe(path);
  const folder = new RunFolder(resolve(options.folder ?? join("runs", recipe.name)));
  // What the folder says comes before data is prepared, which may take an hour.
  const snapshot = options.resume ? await folder.loadSnapshot() : undefined;
  if (snapshot) await folder.refuseOther(recipe);
  else if (!options.force) await folder.refuseUsed();
  const job = await openJob(recipe, runtime, {
    base: dirname(resolve(path)),
    cache: join(dirname(folder.path), "latents"),
    signal: options.signal,
    report: options.prepare ?? (() => {}),
    note: options.note,
  });
  try {
    yield* runJob(job, { path, recipe, runtime, folder, snapshot, options });
  } finally {
    await job.dispose();
  }
}

interface Run {
  /** Of the recipe. */
  readonly path: string;
  readonly recipe: Recipe;
  readonly runtime: Runtime;
  readonly folder: RunFolder;
  readonly snapshot: Snapshot | undefined;
  readonly options: TrainOptions;
}

async function* runJob(
  job: Job,
  { path, recipe, runtime, folder, snapshot, options }: Run,
): AsyncGenerator<TrainEvent> {
  const { task } = job;
  let trainer: Trainer;
  if (snapshot) {
    refuseOther(task, recipe, snapshot, folder.path);
    if (job.teacher) await folder.keepTeacher(job.teacher);
    const changes = await folder.changesTo(recipe);
    if (changes.length) options.note?.(`the recipe has changed since this run began: ${changes.join(", ")}`);
    await folder.keepRecipe(recipe);
    trainer = await Trainer.resume(task, runtime, snapshot.values, snapshot.step, recipe.optimiser);
    await folder.forgetAfter(snapshot.step);
  } else {
    await folder.create(recipe);
    if (job.teacher) await folder.keepTeacher(job.teacher);
    trainer = await Trainer.start(task, runtime, await task.initial(), recipe.optimiser);
  }
  const parameters = [...parametersOf(task.model).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  yield { type: "started", folder: folder.path, step: trainer.step, steps: task.steps, parameters };

  const started = performance.now();
  const first = trainer.step;
  let saved = started;
  const save = async (): Promise<TrainEvent> => {
    await folder.saveSnapshot(await trainer.snapshot(), trainer.step);
    const weights = await trainer.weights();
    await job.save(weights, join(folder.path, "model"));
    await folder.plot();
    const { clips, figures } = await job.preview(weights);
    await folder.savePreview(clips, trainer.step, figures);
    saved = performance.now();
    return { type: "checkpoint", step: trainer.step, figures };
  };
  const over = (): boolean =>
    trainer.done ||
    options.signal?.aborted === true ||
    (options.minutes !== undefined && performance.now() - started > options.minutes * 60_000) ||
    (options.steps !== undefined && trainer.step - first >= options.steps);
  try {
    while (!over()) {
      const report = await trainer.advance();
      if (!Number.isFinite(report.loss))
        throw new InputError(`the loss is ${report.loss} at step ${report.step}`, {
          where: path,
          hint: "lower the learning rate",
        });
      await folder.log(report);
      const perStep = (performance.now() - started) / 1000 / (trainer.step - first);
      yield { type: "step", report, secondsLeft: perStep * (task.steps - trainer.step) };
      if (performance.now() - saved > recipe.checkpointMinutes * 60_000) {
        yield await save();
      }
    }
    yield await save();
  } finally {
    trainer.dispose();
  }
  yield { type: "finished", folder: folder.path, step: trainer.step, done: trainer.done };
}

/** @throws InputError where a snapshot holds other weights than the task trains, or not what the optimiser keeps beside them */
function refuseOther(task: Job["task"], { optimiser }: Recipe, { values }: Snapshot, where: string): void {
  const refuse = (what: string) => {
    throw new InputError(`this folder holds a run ${what}`, { where, hint: otherwise });
  };
  const { moments, average } = adamOf(optimiser);
  const { accumulate = 1 } = optimiser;
  for (const [name, parameter] of parametersOf(task.model)) {
    const { shape } = parameter;
    const found = values.get(name)?.shape;
    if (!found || !isDeepStrictEqual([...found], [...shape]))
      refuse(`of another recipe: its ${name} is ${found ? `[${found}]` : "not there"}, not [${shape}]`);
    if (task.frozen?.(name)) continue;
    const held = momentNames(name);
    if (!values.has(held.first)) refuse(`in which ${name} was frozen`);
    if (!isKeptAs(values, held.first, shape, moments)) refuse(`whose moments are not in ${moments}`);
    if (average > 0 && !values.has(held.average)) refuse("that keeps no average of its weights: average was 0");
    const hasSums = values.has(sumOf(parameter).name!);
    if (hasSums !== accumulate > 1) refuse(`that accumulates ${hasSums ? "" : "no "}gradients`);
  }
}
