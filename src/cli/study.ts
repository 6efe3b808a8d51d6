import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { openOrt } from "../platform/node/devices/ort.ts";
import { planStudy, planTable } from "../platform/node/study/plan.ts";
import { runStudy } from "../platform/node/study/run.ts";
import { writeReport } from "../platform/node/study/write-report.ts";
import { type StudyPresetName, studyPresets } from "../study/preset.ts";
import { nameOf } from "../study/results.ts";
import { numberFor, parseList } from "./numbers.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly preset: StudyPresetName;
  readonly output?: string;
  readonly threads: number;
  readonly seeds?: number[];
  readonly arms?: string[];
  readonly pastGates?: boolean;
}

const threads = { least: 1, most: 256, whole: true } as const;

/** `turbo2k study plan|run|report`: the paper's ablations on plane figures, small and honest. */
export function addStudy(program: Command, terminal: Terminal): void {
  const group = program.command("study").description("the ablations of the paper at small scale: docs/study");
  const withPreset = (command: Command): Command =>
    command
      .addOption(new Option("--preset <name>", "how much of it").choices(Object.keys(studyPresets)).default("pilot"))
      .option("--threads <n>", "of the CPU", numberFor("--threads", threads), 1);
  withPreset(group.command("plan").description("times a few steps of every training and prints what the study costs"))
    .option("-o, --output <file>", "where the table goes as well")
    .action(async ({ preset, output, threads }: Flags) => {
      const table = planTable(await planStudy(studyPresets[preset], openOrt({ threads })));
      if (output) await writeFile(output, `${table}\n`);
      terminal.out(table);
    });
  withPreset(group.command("run").description("runs it; what is done is not done again, so that it can be stopped"))
    .option("-o, --output <folder>", "its folder (default: runs/study-PRESET)")
    .option("--seeds <list>", "only these of the preset's: what processes beside each other share", (text) =>
      parseList(text, "--seeds", { least: 1, most: 1000, whole: true }),
    )
    .option("--arms <list>", "only these, for example A5,B4; probes and growing sizes run with all arms", (text) =>
      text.split(",").map((arm) => arm.trim()),
    )
    .option("--past-gates", "go on behind a failed gate: a rehearsal from which nothing follows")
    .action(async ({ preset, output, threads, seeds, arms, pastGates }: Flags) => {
      const folder = output ?? join("runs", `study-${preset}`);
      const { stopped } = await runStudy(studyPresets[preset], folder, openOrt({ threads }), {
        seeds,
        arms,
        signal: terminal.signal,
        pastGates: pastGates === true,
        report: (done, count, what) => terminal.progress(what, done, count),
        found: (line) =>
          terminal.note(
            line.kind === "gate" ? `${line.gate} ${line.passed ? "passed" : "failed"}: ${line.found}` : nameOf(line),
          ),
      });
      if (stopped) terminal.note(`stopped by gate ${stopped}; --past-gates goes on to rehearse the rest`);
      terminal.out(folder);
    });
  group
    .command("report")
    .description("writes what a study found as Markdown, with its samples")
    .argument("<folder>", "of a run")
    .option("-o, --output <folder>", "where it goes", join("docs", "study"))
    .action(async (folder: string, { output }: { output: string }) => terminal.out(await writeReport(folder, output)));
}
