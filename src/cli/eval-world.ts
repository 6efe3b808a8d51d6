import type { Command } from "commander";
import { formatAccuracy } from "../metrics/world.ts";
import { hashesOf } from "../pipelines/receipt.ts";
import { evaluateWorld, type WorldEvaluation, type WorldPreset } from "../platform/node/evaluate/world.ts";
import { prepare } from "../platform/node/generate/prepare.ts";
import type { SheetClip } from "../video/contact-sheet.ts";
import { addWorldFlags, collect, presetOf, saveResults } from "./eval.ts";
import { numberFor } from "./numbers.ts";
import { addRequestFlags, requestOf } from "./request.ts";
import type { Terminal } from "./terminal.ts";

/** The fixed test prompts, half of them of held-out combinations; and clips that a contact sheet shows. */
const limit = { least: 1, most: 120, whole: true } as const;
const shown = 12;

type Flags = Record<string, unknown> & {
  readonly output: string;
  readonly preset?: WorldPreset;
  readonly prompts: number;
  readonly json?: boolean;
};

/** `turbo2k eval world`. */
export function addEvalWorld(group: Command, terminal: Terminal): void {
  const command = group.command("world").description("how much of the fixed test prompts detectors find in the videos");
  addWorldFlags(addRequestFlags(command))
    .option("--prompts <n>", "how many of the 120 test prompts", numberFor("--prompts", limit), limit.most)
    .action(async ({ output, ...flags }: Flags) => {
      const request = await requestOf(undefined, flags);
      const prepared = await prepare({ seed: 0, ...request, prompt: "the test prompts" });
      try {
        const preset = presetOf(flags.preset, prepared.model.settings.world);
        const clips: SheetClip[] = [];
        const events = evaluateWorld(prepared, { preset, prompts: flags.prompts, signal: terminal.signal });
        const each = ({ frames, prompt }: { frames: SheetClip["frames"]; prompt: string }) =>
          void (clips.length < shown && clips.push({ frames, caption: prompt }));
        const result = await collect(events, terminal, each, flags.prompts);
        const { prompt: _, notices: __, ...settings } = prepared.request;
        const sheet = await saveResults(output, clips, {
          preset,
          models: await hashesOf(prepared.model.files),
          settings,
          ...result,
        });
        terminal.out(flags.json ? JSON.stringify(result) : `${describeWorld(result)}\n${sheet}`);
      } finally {
        await prepared.model.close();
      }
    });
}

/** The table of attributes, and how many clips are right in everything. */
export function describeWorld({ all, seen, heldOut }: WorldEvaluation): string {
  const part = (name: string, { joint }: WorldEvaluation["all"]) =>
    joint.asked
      ? [
          `${name}: ${joint.right} of ${joint.asked} clips are right in everything (${(100 * joint.low).toFixed(1)} to ${(100 * joint.high).toFixed(1)} %)`,
        ]
      : [];
  return [formatAccuracy(all), ...part("seen combinations", seen), ...part("held out", heldOut)].join("\n");
}
