import type { Command } from "commander";
import { decodeLatents } from "../platform/node/generate/decode-latents.ts";
import { follow } from "./follow.ts";
import { fetchModel } from "./pull.ts";
import { addDecoderParts, addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

/** `turbo2k decode LATENTS`. */
export function addDecode(program: Command, terminal: Terminal): void {
  const command = program
    .command("decode")
    .argument("<latents>", "what generate saved before it decoded: OUTPUT.latents.safetensors")
    .description("make the video of saved latents")
    .option("-o, --output <file>", "as for generate (default: outputs/DATE/…)")
    .option("--model <model>", "where the model is now, if it was moved")
    .option("--force", "replace an existing file")
    .option("--json", "print one JSON object on stdout");
  addDecoderParts(command);
  addDevice(command).action(async (latents: string, flags) => {
    await fetchModel(flags.model, terminal);
    const result = await follow(decodeLatents(latents, { ...flags, signal: terminal.signal }), terminal);
    terminal.out(flags.json ? JSON.stringify(result) : result.output);
  });
}
