import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { CancelledError, InputError } from "../base/errors.ts";
import { type Device, openDevice } from "../platform/node/devices/open-device.ts";
import { rehearse } from "../platform/node/training/rehearse.ts";
import { type TrainEvent, train } from "../platform/node/training/run.ts";
import type { GenerateRequest } from "../schema/request.ts";
import type { StepReport } from "../training/trainer.ts";
import { numberFor } from "./numbers.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";
import { printPlans } from "./train-plan.ts";

interface Flags {
  readonly output?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly minutes?: number;
  readonly steps?: number;
  readonly plan?: boolean;
  readonly dryRun?: boolean;
  readonly device?: GenerateRequest["device"];
}

const limits = {
  minutes: { least: 0.01, most: 100_000, whole: false },
  steps: { least: 1, most: 1e9, whole: true },
} as const;

/** `turbo2k train RECIPE...`: one after the other, so that a later recipe can use what an earlier one made. */
export function addTrain(program: Command, terminal: Terminal): void {
  const command = program
    .command("train")
    .argument("<recipes...>", "training settings (recipes/*.yaml), run in this order")
    .description("train models from recipes; Ctrl-C saves and stops, --resume goes on to the same bits")
    .option("-o, --output <folder>", "run folder, for one recipe (default: runs/NAME)")
    .option("--resume", "go on from the run folder's snapshot")
    .option("--force", "begin anew in a folder that holds a run, and replace it")
    .option("--minutes <n>", "stop each run after this many minutes", numberFor("--minutes", limits.minutes))
    .option("--steps <n>", "stop each run after this many steps", numberFor("--steps", limits.steps))
    .option("--plan", "memory and time of each run on this device, without starting it")
    .option(
      "--dry-run",
      "a few steps with random weights, few layers and small pictures, in a folder that is thrown away",
    );
  addDevice(command).action(async (recipes: string[], { device: wanted, plan, dryRun, ...flags }: Flags) => {
    if (recipes.length > 1 && flags.output)
      throw new InputError("--output names one run folder, but there are several recipes", {
        hint: "leave it out: each run gets runs/NAME",
      });
    if (flags.resume && flags.force) throw new InputError("--resume goes on with a run, --force replaces it: give one");
    const device = await openDevice(wanted);
    for (const text of device.news()) terminal.note(text);
    if (plan) return printPlans(recipes, device, terminal);
    const start = dryRun ? runDry : run;
    for (const recipe of recipes) await start(recipe, device, flags, terminal);
  });
}

/** Everything that a recipe does, with models that are made for it. */
async function runDry(recipe: string, device: Device, flags: RunFlags, terminal: Terminal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-dry-run-"));
  try {
    const output = join(folder, "runs", "dry-run");
    await run(await rehearse(recipe, folder), device, { ...flags, output }, terminal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type RunFlags = Omit<Flags, "device" | "plan" | "dryRun">;

async function run(
  recipe: string,
  { runtime }: Device,
  { output, ...flags }: RunFlags,
  terminal: Terminal,
): Promise<void> {
  const prepare = (done: number, count: number, what: string) => terminal.progress(what, done, count);
  const note = (text: string) => terminal.note(text);
  const { signal } = terminal;
  let steps = 0;
  for await (const event of train(recipe, runtime, { ...flags, folder: output, signal, prepare, note })) {
    if (event.type === "started") {
      steps = event.steps;
      terminal.note(startLine(event));
    } else if (event.type === "step") {
      terminal.progress("train", event.report.step, steps, figures(event.report));
      for (const line of heldOutLines(event.report)) terminal.note(line);
    } else if (event.type === "checkpoint") {
      const scores = Object.entries(event.figures).map(([name, value]) => `  ${name} ${value.toFixed(2)}`);
      terminal.note(`saved at step ${event.step}${scores.join("")}`);
    } else if (event.done) terminal.out(`${event.folder}/model`);
    else {
      terminal.note(`stopped at step ${event.step} of ${steps}; go on with --resume`);
      if (signal.aborted) throw new CancelledError(`cancelled, saved in ${event.folder}`);
    }
  }
}

const startLine = ({ folder, parameters, step, steps }: Extract<TrainEvent, { type: "started" }>): string =>
  `${folder}: ${(parameters / 1e6).toFixed(2)} M parameters, step ${step} of ${steps}`;

/** `step 200, held-out loss at t 0.1: 1.234  0.3: 1.1`, where there is any. */
function heldOutLines({ step, validation }: StepReport): string[] {
  if (!validation) return [];
  const levels = Object.entries(validation).map(([level, { loss }]) => `${level}: ${loss!.toFixed(4)}`);
  return [`step ${step}, held-out loss at t ${levels.join("  ")}`];
}

/** `loss 0.1234  mse 0.01  norm 1.20  rate 1.0e-3  0.52 s`. */
function figures({ loss, norm, rate, seconds, values }: StepReport): string {
  const rest = Object.entries(values).map(([name, value]) => `${name} ${value.toPrecision(3)}`);
  return [
    `loss ${loss.toFixed(4)}`,
    ...rest,
    `norm ${norm.toFixed(2)}`,
    `rate ${rate.toExponential(1)}`,
    `${seconds.toFixed(2)} s`,
  ].join("  ");
}
