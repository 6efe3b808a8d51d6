/** One of a study's trainings in a folder of its own: goes on from its snapshot, and is not repeated once done. */

import { join } from "node:path";
import { CancelledError } from "../../../base/errors.ts";
import type { HostTensor } from "../../../tensor/dtype.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { type OptimiserSettings, type Task, Trainer } from "../../../training/trainer.ts";
import { isThere } from "../files/is-there.ts";
import { RunFolder } from "../training/run-folder.ts";

export interface Trained {
  /** Running averages of the weights, as a finished model has them. */
  readonly values: Map<string, HostTensor>;
  readonly steps: number;
  /** Of all steps, compilation included. */
  readonly seconds: number;
  /** Mean of the last tenth of the steps. */
  readonly loss: number;
}

export interface TrainArmOptions {
  readonly optimiser: OptimiserSettings;
  /** Written beside the snapshot. */
  readonly recipe: object;
  readonly report?: ((step: number, steps: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Seconds between snapshots. */
const often = 60;

export async function trainArm(
  path: string,
  task: Task,
  runtime: Runtime,
  { optimiser, recipe, report = () => {}, signal }: TrainArmOptions,
): Promise<Trained> {
  const folder = new RunFolder(path);
  const trainer = await open(folder, task, runtime, { optimiser, recipe });
  try {
    let saved = performance.now();
    while (!trainer.done) {
      await folder.log(await trainer.advance());
      report(trainer.step, task.steps);
      const isOver = trainer.done || signal?.aborted === true;
      if (!isOver && performance.now() - saved < 1000 * often) continue;
      await folder.saveSnapshot(await trainer.snapshot(), trainer.step);
      if (signal?.aborted) throw new CancelledError();
      saved = performance.now();
    }
    const history = await folder.history();
    const last = history.slice(-Math.max(1, Math.floor(history.length / 10)));
    return {
      values: await trainer.weights(),
      steps: task.steps,
      seconds: history.reduce((sum, { seconds }) => sum + seconds, 0),
      loss: last.reduce((sum, { loss }) => sum + loss, 0) / last.length,
    };
  } finally {
    trainer.dispose();
  }
}

async function open(
  folder: RunFolder,
  task: Task,
  runtime: Runtime,
  { optimiser, recipe }: Pick<TrainArmOptions, "optimiser" | "recipe">,
): Promise<Trainer> {
  if (!(await isThere(join(folder.path, "snapshot.safetensors")))) {
    await folder.create(recipe);
    await folder.forgetAfter(0);
    return Trainer.start(task, runtime, await task.initial(), optimiser);
  }
  const { values, step } = await folder.loadSnapshot();
  await folder.forgetAfter(step);
  return Trainer.resume(task, runtime, values, step, optimiser);
}
