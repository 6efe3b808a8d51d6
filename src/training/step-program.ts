/** The programs of a training step: loss, gradients, and what becomes of weights and moments. */
import { parametersOf } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import { gradients } from "../tensor/reverse.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { fill, type Tensor } from "../tensor/tensor.ts";
import { addToSums, sumOf } from "./accumulate.ts";
import { type AdamConfig, adam, adamDefaults } from "./optimiser.ts";
import type { OptimiserSettings, Task } from "./trainer.ts";

/** What of a task the programs follow from. */
export type Traced = Pick<Task, "model" | "loss" | "frozen">;

export const adamOf = (settings: OptimiserSettings): AdamConfig => ({ ...adamDefaults, ...settings });

const trainedOf = (task: Traced): Tensor[] =>
  [...parametersOf(task.model)].flatMap(([name, p]) => (task.frozen?.(name) ? [] : [p]));

/** A bucket's step: loss and gradients, which go into an update or, where they are accumulated, into sums. */
export function stepProgram(
  task: Traced,
  bucket: string,
  settings: OptimiserSettings,
  keep: Runtime["keeps"],
): Program {
  const { accumulate = 1 } = settings;
  const { loss, report } = task.loss(bucket);
  const parameters = trainedOf(task);
  const slopes = gradients(loss, parameters);
  const { updates, ...rest } =
    accumulate === 1
      ? adam(parameters, slopes, adamOf(settings))
      : { updates: addToSums(parameters, slopes, accumulate) };
  return buildProgram({ loss, ...rest, ...report }, { updates, keep });
}

/** The loss alone, of weights as they are. */
export function lossProgram(task: Traced, bucket: string, keep: Runtime["keeps"]): Program {
  const { loss, report } = task.loss(bucket);
  return buildProgram({ loss, ...report }, { keep });
}

/** What moves the weights by the sums, and empties these. */
export function updateProgram(task: Traced, settings: OptimiserSettings, keep: Runtime["keeps"]): Program {
  const parameters = trainedOf(task);
  const sums = parameters.map(sumOf);
  const { updates, norm } = adam(parameters, sums, adamOf(settings));
  for (const sum of sums) updates.set(sum, fill(0).broadcast(sum.shape));
  return buildProgram({ norm }, { updates, keep });
}
