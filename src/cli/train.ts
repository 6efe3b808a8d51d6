import type { Command } from "commander";
import { openOrt } from "../platform/node/devices/ort.ts";
import { train } from "../platform/node/training/run.ts";
import type { Terminal } from "./terminal.ts";

/** `turbo2k train RECIPE`. */
export function addTrain(program: Command, _terminal: Terminal): void {
  program
    .command("train")
    .argument("<recipe>", "training settings (recipes/*.yaml)")
    .description("train a model from a recipe")
    .option("-o, --output <folder>", "run folder (default: runs/NAME)")
    .option("--resume", "go on from the run folder's snapshot")
    .option("--minutes <n>", "stop after this many minutes", Number)
    .option("--steps <n>", "stop after this many steps", Number)
    .action(
      async (recipe: string, options: { output?: string; resume?: boolean; minutes?: number; steps?: number }) => {
        const stop = new AbortController();
        process.once("SIGINT", () => stop.abort());
        for await (const event of train(recipe, openOrt(), {
          folder: options.output,
          ...options,
          signal: stop.signal,
          prepare: (done, count, what) => console.error(`latents of ${what}: ${done} of ${count}`),
        })) {
          if (event.type === "started")
            console.error(
              `${event.folder}: ${(event.parameters / 1e6).toFixed(2)} M parameters, step ${event.step} of ${event.steps}`,
            );
          else if (event.type === "step") {
            const { step, loss, norm, rate, seconds, values } = event.report;
            if (step % 10 === 0 || step < 10) {
              const rest = Object.entries(values).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
              const left = `${Math.round(event.secondsLeft / 60)} min left`;
              console.error(
                `step ${step}  loss ${loss.toFixed(4)}  ${rest.join("  ")}  norm ${norm.toFixed(2)}  rate ${rate.toExponential(1)}  ${seconds.toFixed(2)} s  ${left}`,
              );
            }
          } else if (event.type === "checkpoint") {
            const figures = Object.entries(event.figures).map(([name, value]) => `  ${name} ${value.toFixed(2)}`);
            console.error(`saved at step ${event.step}${figures.join("")}`);
          } else console.error(event.done ? "done" : `stopped at step ${event.step}; go on with --resume`);
        }
      },
    );
}
