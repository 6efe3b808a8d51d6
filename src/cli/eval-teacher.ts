import type { Command } from "commander";
import { hunyuanToVideo } from "../pipelines/hunyuan-to-video.ts";
import { openDevice } from "../platform/node/devices/open-device.ts";
import { judgeClips, type WorldPreset } from "../platform/node/evaluate/world.ts";
import { openTeacher } from "../platform/node/models/teacher-folder.ts";
import { type GenerateRequest, limits } from "../schema/request.ts";
import type { SheetClip } from "../video/contact-sheet.ts";
import { addWorldFlags, collect, presetOf, saveResults } from "./eval.ts";
import { describeWorld } from "./eval-world.ts";
import { numberFor } from "./numbers.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

const prompts = { least: 1, most: 120, whole: true } as const;
const shown = 12;

interface Flags {
  readonly model: string;
  readonly preset?: WorldPreset;
  readonly prompts: number;
  readonly seed: number;
  readonly steps?: number;
  readonly output: string;
  readonly json?: boolean;
  readonly device?: GenerateRequest["device"];
}

/** `turbo2k eval teacher`: `eval world` for a teacher, at the size that it was trained for. */
export function addEvalTeacher(group: Command, terminal: Terminal): void {
  const command = group.command("teacher").description("as `world`, for a teacher of distillation");
  addWorldFlags(addDevice(command))
    .requiredOption("--model <folder>", "a trained teacher")
    .option("--prompts <n>", "how many of the 120 test prompts", numberFor("--prompts", prompts), prompts.most)
    .option("--steps <n>", "steps of each clip (default: the teacher's)", numberFor("--steps", limits.steps))
    .option("--seed <n>", "of the first clip; counts up", numberFor("--seed", limits.seed), 0)
    .action(async ({ output, json, device, steps, ...flags }: Flags) => {
      const model = await openTeacher(flags.model);
      try {
        const { width, height, frames, world } = model.settings;
        const { runtime } = await openDevice(device);
        const make = (prompt: string, seed: number) =>
          hunyuanToVideo(model, runtime, { prompt, seed, width, height, frames, ...(steps && { steps }) });
        const request = { ...flags, preset: presetOf(flags.preset, world), height, frames, signal: terminal.signal };
        const clips: SheetClip[] = [];
        const each = ({ frames, prompt }: { frames: SheetClip["frames"]; prompt: string }) =>
          void (clips.length < shown && clips.push({ frames, caption: prompt }));
        const result = await collect(judgeClips(make, request), terminal, each, flags.prompts);
        const sheet = await saveResults(output, clips, { model: model.hash, settings: model.settings, ...result });
        terminal.out(json ? JSON.stringify(result) : `${describeWorld(result)}\n${sheet}`);
      } finally {
        await model.close();
      }
    });
}
