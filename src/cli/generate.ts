import { type Command, Option } from "commander";
import { InputError } from "../base/errors.ts";
import { generate } from "../platform/node/generate/generate.ts";
import { parseLoraFile } from "../platform/node/models/open-lora.ts";
import { requestsOf } from "./batch.ts";
import { follow } from "./follow.ts";
import { numberFor } from "./numbers.ts";
import { printConfig, printPlan } from "./plan.ts";
import { fetchModel } from "./pull.ts";
import { addRequestFlags, requestOf, seeded } from "./request.ts";
import type { Terminal } from "./terminal.ts";

/** `turbo2k generate PROMPT`. */
export function addGenerate(program: Command, terminal: Terminal): void {
  const command = program
    .command("generate")
    .argument("[prompt]", "what the video shows")
    .description("make a video from a sentence")
    .option(
      "-o, --output <file>",
      "out.mp4, out.webm, out.gif, sheet.png or frames/%05d.png (default: outputs/DATE/…)",
    );
  addRequestFlags(command)
    .option("--force", "replace an existing file")
    .option("--preview", "write a contact sheet of what it is heading for every few steps")
    .option("--keep-latents", "keep what is decoded in the end, for turbo2k decode")
    .option("--keep-stages", "keep the draft of a large video, as latents and as a video")
    .option("--prompts <file>", "a video for each line of a file")
    .addOption(
      new Option("--num-videos <n>", "videos of each prompt, with seeds that follow each other").argParser(
        numberFor("--num-videos", { least: 1, most: 1000, whole: true }),
      ),
    )
    .option("--plan", "print what it would take, and stop")
    .option("--print-config", "print all settings as a file for --config, and stop")
    .option("--json", "print one JSON object on stdout")
    .action(async (prompt: string | undefined, flags: Record<string, unknown>) => {
      const request = seeded(await requestOf(prompt, flags));
      const requests = await requestsOf(request, flags);
      if (flags["printConfig"]) {
        if (requests.length > 1)
          throw new InputError("settings are those of one video: leave out --prompts and --num-videos");
        return printConfig(requests[0]!, terminal);
      }
      // Neither prompt nor seed makes a difference to what one of them takes.
      if (flags["plan"]) return printPlan(requests[0]!, terminal, flags["json"] === true, requests.length);
      if (request.comfyRoot === undefined) await fetchModel(request.model, terminal);
      await fetchModel(request.upsampler, terminal);
      for (const lora of request.lora ?? []) await fetchModel(parseLoraFile(lora).path, terminal);
      for (const one of requests) {
        const result = await follow(generate(one, { signal: terminal.signal }), terminal);
        terminal.out(flags["json"] ? JSON.stringify(result) : result.output);
      }
    });
}
