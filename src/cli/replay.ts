import type { Command } from "commander";
import { TurboError } from "../base/errors.ts";
import { type ReplayResult, replay } from "../platform/node/generate/replay.ts";
import { Progress } from "./progress.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

/** `turbo2k replay FILE`. */
export function addReplay(program: Command, terminal: Terminal): void {
  const command = program
    .command("replay")
    .argument("<file>", "a video or picture that turbo2k made")
    .description("make a video again from its receipt and compare the frames")
    .option("--model <model>", "the folder of the model that made it (default: mini)")
    .option("-o, --output <file>", "keep the new video")
    .option("--force", "replace an existing file")
    .option("--json", "print one JSON object on stdout");
  addDevice(command).action(async (file: string, flags) => {
    const progress = new Progress(terminal);
    let result: ReplayResult;
    try {
      const events = replay(file, { ...flags, signal: terminal.signal });
      for (;;) {
        const { done, value } = await events.next();
        if (done) {
          result = value;
          break;
        }
        if (value.type === "progress") progress.update(value.stage, value.done, value.of);
      }
    } finally {
      progress.end();
    }
    const { match, psnr, differences, framesSha256, receipt } = result;
    if (flags.json) terminal.out(JSON.stringify({ match, psnr: psnr ?? null, framesSha256, differences, receipt }));
    else if (match) terminal.out(`match: the same ${receipt.frames} frames, ${framesSha256}`);
    if (match) return;
    const near = psnr === undefined ? "" : `; ${psnr.toFixed(1)} dB against the file`;
    throw new TurboError("failure", `the frames differ${near}`, {
      where: file,
      hint: differences.length ? `this time: ${differences.join(", ")}` : "another processor may round differently",
    });
  });
}
