import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { MediaError } from "../base/errors.ts";
import { parseVbench, vbenchScores } from "../metrics/vbench.ts";
import { parseVbenchLong } from "../metrics/vbench-long.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly long?: boolean;
  readonly json?: boolean;
}

/** `turbo2k eval aggregate FILE.json`. */
export function addEvalAggregate(group: Command, terminal: Terminal): void {
  group
    .command("aggregate")
    .argument("<file>", "what VBench wrote: {dimension: [score, details]}")
    .description("VBench's quality, semantic and total score, in percent")
    .option("--long", "as VBench-Long, from scores of clips: {dimension: {video: {clips: [score], between: score}}}")
    .option("--json", "print one JSON object on stdout")
    .action(async (file: string, { long, json }: Flags) => {
      const text = await readFile(file, "utf8").catch((cause: unknown) => {
        throw new MediaError("cannot be read", { where: file, cause });
      });
      const results = long ? parseVbenchLong(text, file) : parseVbench(text, file);
      const { quality = null, semantic = null, total = null, missing } = vbenchScores(results);
      const scores = { quality_score: quality, semantic_score: semantic, total_score: total };
      const dimensions = long ? { dimensions: Object.fromEntries(results) } : {};
      const line = (name: string, value: string) => `${name.replaceAll("_", " ").padEnd(14)} ${value}`;
      const lines = [
        ...(long ? [...results].map(([name, score]) => line(name, score.toFixed(4))) : []),
        ...Object.entries(scores).map(([name, score]) =>
          line(name, score === null ? "not known" : `${score.toFixed(2)} %`),
        ),
      ];
      const all = { ...scores, ...dimensions, ...(missing.length ? { missing } : {}) };
      terminal.out(json ? JSON.stringify(all) : lines.join("\n"));
      if (missing.length) terminal.note(`note: some scores cannot be told without ${missing.join(", ")}`);
    });
}
