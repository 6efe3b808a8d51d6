import { DoesNotFitError } from "../base/errors.ts";
import type { Device } from "../platform/node/devices/open-device.ts";
import { memoryLimit } from "../platform/node/generate/fit.ts";
import { measureRate } from "../platform/node/inspect/rate.ts";
import { planRecipe } from "../platform/node/training/plan-recipe.ts";
import { planTraining, type TrainingPlan } from "../training/plan.ts";
import type { Terminal } from "./terminal.ts";
import { bytes, duration } from "./units.ts";

/** `turbo2k train RECIPE... --plan`; throws, after all are printed, where one does not fit. */
export async function printPlans(
  recipes: readonly string[],
  { runtime }: Device,
  terminal: Pick<Terminal, "out" | "note">,
): Promise<void> {
  const gflops = await measureRate(runtime);
  const [limit, baseBytes] = [memoryLimit(), process.memoryUsage.rss()];
  let worst = 0;
  for (const path of recipes) {
    const { keeps } = runtime;
    const planned = await planRecipe(path, { keeps, note: (text) => terminal.note(text) });
    const plan = planTraining(planned, { keeps, gflops, baseBytes });
    terminal.out(describe(path, plan, limit, gflops));
    worst = Math.max(worst, plan.peakBytes);
  }
  if (worst > limit)
    throw new DoesNotFitError(`this training needs about ${bytes(worst)} of memory, ${bytes(limit)} are free`, {
      hint: "rematerialise: true, a smaller batch with optimiser.accumulate, windows, or smaller pictures take less",
    });
}

function describe(path: string, plan: TrainingPlan, limit: number, gflops: number): string {
  const millions = (count: number) => `${(count / 1e6).toFixed(count < 1e8 ? 2 : 0)} M`;
  const width = Math.max(...plan.phases.map(({ name }) => name.length));
  return [
    `${path}: ${millions(plan.parameters)} parameters, ${millions(plan.trained)} trained; ${bytes(plan.stateBytes)} of weights, moments and sums`,
    ...plan.phases.map(({ name, runs, flops, seconds, peakBytes }) => {
      const work = `${runs} x ${(flops / runs / 1e12).toPrecision(3)} TFLOP`;
      return `  ${name.padEnd(width)} ${long(seconds).padStart(12)} ${bytes(peakBytes).padStart(9)}   ${work}`;
    }),
    `  ${"in all".padEnd(width)} ${long(plan.seconds).padStart(12)} ${bytes(plan.peakBytes).padStart(9)}   of ${bytes(limit)} free`,
    `seconds at ${Math.round(gflops)} GFLOP/s, measured now; without previews and reading of files`,
  ].join("\n");
}

/** Trainings may take years. */
const long = (seconds: number): string =>
  seconds < 172_800 ? duration(seconds) : `${Math.round(seconds / 86_400).toLocaleString("en-US")} days`;
