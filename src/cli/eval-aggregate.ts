import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { MediaError } from "../base/errors.ts";
import { parseVbench, vbenchScores } from "../metrics/vbench.ts";
import type { Terminal } from "./terminal.ts";

/** `turbo2k eval aggregate FILE.json`. */
export function addEvalAggregate(group: Command, terminal: Terminal): void {
  group
    .command("aggregate")
    .argument("<file>", "what VBench wrote: {dimension: [score, details]}")
    .description("VBench's quality, semantic and total score, in percent")
    .option("--json", "print one JSON object on stdout")
    .action(async (file: string, { json }: { json?: boolean }) => {
      const text = await readFile(file, "utf8").catch((cause: unknown) => {
        throw new MediaError("cannot be read", { where: file, cause });
      });
      const { quality = null, semantic = null, total = null, missing } = vbenchScores(parseVbench(text, file));
      const scores = { quality_score: quality, semantic_score: semantic, total_score: total };
      const lines = Object.entries(scores).map(
        ([name, score]) =>
          `${name.replace("_", " ").padEnd(14)} ${score === null ? "not known" : `${score.toFixed(2)} %`}`,
      );
      terminal.out(json ? JSON.stringify(missing.length ? { ...scores, missing } : scores) : lines.join("\n"));
      if (missing.length) terminal.note(`note: some scores cannot be told without ${missing.join(", ")}`);
    });
}
