/** One of a study's trainings in a folder of its own: goes on from its snapshot, and is not repeated once done. */

import { join } from "node:path";
import { CancelledError } from "../../../base/errors.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { type OptimiserSettings, type Task, Trainer } from "../../../training/trainer.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeValues } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { RunFolder } from "../training/run-folder.ts";

export interface Trained {
  /** Running averages of the weights, rounded to f16, as a finished model has them. */
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

/** A finished training leaves `weights.safetensors`, small enough to be carried to another machine, and no snapshot. */
export async function trainArm(
  path: string,
  task: Task,
  runtime: Runtime,
  { optimiser, recipe, report = () => {}, signal }: TrainArmOptions,
): Promise<Trained> {
  const known = await finished(path);
  if (known) return known;
  const done = join(path, weights);
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
    await keepTrained(done, {
      values: await trainer.weights(),
      steps: task.steps,
      seconds: history.reduce((sum, { seconds }) => sum + seconds, 0),
      loss: last.reduce((sum, { loss }) => sum + loss, 0) / last.length,
    });
    await folder.dropSnapshot();
    return readTrained(done);
  } finally {
    trainer.dispose();
  }
}

const weights = "weights.safetensors";

/** What a training left in its folder, where it came to its end. */
export async function finished(path: string): Promise<Trained | undefined> {
  const done = join(path, weights);
  return (await isThere(done)) ? readTrained(done) : undefined;
}

function keepTrained(path: string, { values, steps, seconds, loss }: Trained): Promise<void> {
  const metadata = { steps: String(steps), seconds: String(seconds), loss: String(loss) };
  return writeSafetensorsFile(path, storeValues(values, "F16"), { metadata });
}

async function readTrained(path: string): Promise<Trained> {
  const { checkpoint } = await openCheckpointPath(path);
  try {
    const values = new Map<string, HostTensor>();
    for (const [name, entry] of checkpoint.tensors) values.set(name, hostTensor(await readFloat32(entry), entry.shape));
    const figure = (name: string) => Number(checkpoint.metadata[name]);
    return { values, steps: figure("steps"), seconds: figure("seconds"), loss: figure("loss") };
  } finally {
    await checkpoint.close();
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
