import type { Command } from "commander";
import { TurboError } from "../base/errors.ts";
import { replay } from "../platform/node/generate/replay.ts";
import { fetchModel } from "./pull.ts";
import { addDevice, addGiven, addLora, addParts } from "./request.ts";
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
  addLora(command);
  addParts(command);
  addGiven(command);
  addDevice(command).action(async (file: string, flags) => {
    await fetchModel(flags.model, terminal);
    await fetchModel(flags.upsampler, terminal);
    const events = replay(file, { ...flags, signal: terminal.signal });
    let next = await events.next();
    for (; !next.done; next = await events.next())
      if (next.value.type === "progress") terminal.progress(next.value.stage, next.value.done, next.value.of);
    const { match, psnr, differences, framesSha256, receipt } = next.value;
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
