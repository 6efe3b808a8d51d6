// Makes one report of those that tools/gpu/bench.sh left: node tools/gpu/gather.js FOLDER
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const read = (path) => {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined; // that case failed, as it said
  }
};
const cases = join(folder, "cases");
const reports = readdirSync(cases).map((name) => read(join(cases, name)));
const made = reports.filter(Boolean).sort((a, b) => a.date.localeCompare(b.date));
if (!made.length) throw new Error(`no reports in ${cases}`);
const gpu = read(join(folder, "doctor.json"))?.runtimes?.webgpu;
const video = read(join(folder, "mini.json"));
const whole = {
  ...made[0],
  gpu,
  results: made.flatMap(({ results }) => results),
  ...(video ? { mini: { stages: video.stages } } : {}),
};
const path = join(folder, "results.json");
writeFileSync(path, `${JSON.stringify(whole, null, 2)}\n`);
console.log(`${whole.results.length} figures: ${path}`);
