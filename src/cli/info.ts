import type { Command } from "commander";
import { CheckpointError } from "../base/errors.ts";
import { modelPath } from "../platform/node/generate/package-root.ts";
import { describeModel, type ModelDescription } from "../platform/node/inspect/describe-model.ts";
import type { Terminal } from "./terminal.ts";
import { bytes } from "./units.ts";

/** `turbo2k info MODEL`. */
export function addInfo(program: Command, terminal: Terminal): void {
  program
    .command("info")
    .argument("[model]", "mini, a model's or module's folder, or a safetensors file", "mini")
    .description("what a model is, and what it lacks")
    .option("--json", "print one JSON object on stdout")
    .action(async (model: string, { json }: { json?: boolean }) => {
      const description = await describeModel(await modelPath(model));
      terminal.out(json ? JSON.stringify(description) : describe(description));
      const { faults } = description;
      if (faults.length) throw new CheckpointError(`cannot be used: ${faults.join("; ")}`, { where: model });
    });
}

function describe({ path, settings, modules, latents }: ModelDescription): string {
  const lines = [path];
  if (settings) {
    const { name, width, height, frames, fps, steps, guidanceScale, world } = settings;
    lines.push(
      `${name}: ${width}x${height}, ${frames} frames at ${fps} fps, ${steps} steps, guidance ${guidanceScale}`,
    );
    if (world) lines.push(`knows the words of the procedural world "${world}"`);
  }
  for (const { module, class: name, parameters, bytes: size, dtypes, sizes } of modules) {
    const stored = Object.entries(dtypes).map(([dtype, count]) => `${count} ${dtype}`);
    lines.push(`${module}: ${name}, ${count(parameters)} parameters, ${bytes(size)} (${stored.join(", ")} tensors)`);
    const facts = Object.entries(sizes).map(([what, value]) => `${what} ${[value].flat().join("x")}`);
    if (facts.length) lines.push(`  ${facts.join(", ")}`);
  }
  if (latents) {
    const range = ([least, most]: readonly [number, number]) => `${least.toPrecision(3)} to ${most.toPrecision(3)}`;
    lines.push(
      `latents: ${latents.channels} channels, mean ${range(latents.mean)}, deviation ${range(latents.deviation)}`,
    );
  }
  return lines.join("\n");
}

const count = (n: number): string =>
  n >= 1e9 ? `${(n / 1e9).toFixed(2)} billion` : n >= 1e6 ? `${(n / 1e6).toFixed(2)} million` : String(n);
