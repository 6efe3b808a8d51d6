// What `turbo2k plan` says a run will take in memory, beside what the run then takes, stage by stage.
//   node bench/memory.js settings.json [-o results.json]
// Settings are lists of flags: [["--size", "256x160", "--frames", "9"], …]. Needs a build.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { output: { type: "string", short: "o" } },
});
const [file] = positionals;
if (!file) throw new Error("name a file of settings");
const settings = JSON.parse(readFileSync(file, "utf8"));
const command = resolve(import.meta.dirname, "../dist/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "turbo2k-memory-"));
const turbo2k = (...args) =>
  JSON.parse(
    execFileSync(process.execPath, [command, ...args], {
      encoding: "utf8",
      maxBuffer: 2 ** 26,
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );

const results = [];
try {
  for (const asked of settings) {
    const common = ["a red ball moves left", ...asked, "--seed", "1", "--json"];
    const plan = turbo2k("plan", ...common);
    const run = turbo2k("generate", ...common, "--no-cache", "-o", join(folder, "out.mp4"), "--force");
    const stages = plan.stages.map(({ name, peakBytes, seconds, holding }) => {
      const measured = run.stages.find((stage) => stage.name === name);
      return {
        name,
        holding,
        planned: peakBytes,
        measured: measured?.peakBytes,
        seconds: measured?.seconds,
        plannedSeconds: seconds,
      };
    });
    const planned = plan.peakBytes;
    const measured = Math.max(...run.stages.map(({ peakBytes }) => peakBytes));
    const load = run.stages.find(({ name }) => name === "load");
    results.push({
      flags: asked,
      planned,
      measured,
      error: planned / measured - 1,
      load: load.seconds,
      execution: plan.execution,
      stages,
    });
    const megabytes = (bytes) => String(Math.round(bytes / 1e6)).padStart(6);
    console.log(
      `${asked.join(" ")}: planned ${megabytes(planned)} MB, measured ${megabytes(measured)} MB, ${(100 * (planned / measured - 1)).toFixed(1)} %`,
    );
    for (const { name, holding = "", planned: p, measured: m, seconds } of stages)
      console.log(`  ${name.padEnd(8)} ${holding.padEnd(9)} ${megabytes(p)} ${megabytes(m)}  ${seconds?.toFixed(1)} s`);
  }
} finally {
  rmSync(folder, { recursive: true });
  if (flags.output) writeFileSync(flags.output, `${JSON.stringify(results, null, 1)}\n`);
}
