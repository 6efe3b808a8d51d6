import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { studyPresets } from "../../../study/preset.ts";
import { linesOf } from "../../../study/results.ts";
import { openOrt } from "../devices/ort.ts";
import { runStudy } from "./run.ts";
import { writeReport } from "./write-report.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "turbo2k-study-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));
const runtime = openOrt({ threads: 1 });

test("the tiny study runs end to end in shares of its arms and seeds, and another run finds all of it done", async () => {
  const { lines: few } = await runStudy(studyPresets.tiny, home, runtime, { seeds: [2], arms: ["A1", "B2"] });
  expect(linesOf(few, "arm").map(({ arm, seed }) => `${arm} ${seed}`)).toEqual(["A0 1", "A0 2", "A1 2", "B2 2"]);
  expect(linesOf(few, "probe")).toEqual([]);
  const early = runStudy(studyPresets.tiny, home, runtime, { seeds: [2], arms: ["A5"] });
  await expect(early).rejects.toThrow("A5 trains for the seconds of A3, which has not run with seed 2");
  await runStudy(studyPresets.tiny, home, runtime, { seeds: [2] });
  const share = await readFile(join(home, "results.jsonl"), "utf8");
  const { stopped, lines } = await runStudy(studyPresets.tiny, home, runtime);
  expect((await readFile(join(home, "results.jsonl"), "utf8")).startsWith(share)).toBe(true);
  expect(share).toMatch(/"arm":"B5","seed":2/);
  expect(share).not.toMatch(/"arm":"A1","seed":1/);
  expect(stopped).toBeUndefined();
  expect(linesOf(lines, "gate").map(({ gate }) => gate)).toEqual(["G1", "G5", "G2", "G3", "G6", "G4"]);
  expect(linesOf(lines, "gate").find(({ gate }) => gate === "G6")?.passed).toBe(true);
  const arms = linesOf(lines, "arm").map(({ arm, seed }) => `${arm} ${seed}`);
  const wanted = ["A", "B"].flatMap((family) =>
    [1, 2].flatMap((seed) => Array.from({ length: family === "A" ? 9 : 6 }, (_, n) => `${family}${n} ${seed}`)),
  );
  // Long arms are of the first seed alone.
  const long = ["A9", "A10", "B6", "B7", "B8", "B9", "B10", "B11", "B12"].map((arm) => `${arm} 1`);
  expect(arms.sort()).toEqual([...wanted, ...long].sort());
  expect(linesOf(lines, "probe").map(({ probe }) => probe)).toEqual([
    ...["cka-A0", "cka-A1", "cka-A3", "cka-A6", "teacher-attributes"],
    ...["cka-middle-A0", "cka-middle-A1", "cka-middle-A3", "cka-middle-A6"],
    "draft-layout",
  ]);
  for (const { rows } of linesOf(lines, "probe")) for (const row of rows) expect(row.every(Number.isFinite)).toBe(true);

  // Finished trainings keep small weights, and nothing to go on from.
  const kept = await readdir(join(home, "runs", "teacher"));
  expect(kept).toContain("weights.safetensors");
  expect(kept).not.toContain("snapshot.safetensors");

  // Nor does anyone ask the teacher again.
  const latents = await readdir(join(home, "latents"));
  const features = latents.filter((name) => name.startsWith("features"));
  expect(features.length).toBeGreaterThan(4);
  for (const name of features) await rm(join(home, "latents", name), { recursive: true });
  const before = await readFile(join(home, "results.jsonl"), "utf8");
  const found: string[] = [];
  await runStudy(studyPresets.tiny, home, runtime, { found: ({ kind }) => void found.push(kind) });
  expect(found).toEqual([]);
  expect((await readdir(join(home, "latents"))).filter((name) => name.startsWith("features"))).toEqual([]);
  expect(await readFile(join(home, "results.jsonl"), "utf8")).toBe(before);
  const other = runStudy({ ...studyPresets.tiny, prompts: 3 }, home, runtime);
  await expect(other).rejects.toThrow("holds a study of another preset");
  const unknown = runStudy(studyPresets.tiny, home, runtime, { arms: ["A1", "toString"] });
  await expect(unknown).rejects.toThrow("there is no arm toString");
  const seeds = runStudy(studyPresets.tiny, home, runtime, { seeds: [3] });
  await expect(seeds).rejects.toThrow("preset tiny has no seed 3");

  // An arm that is taught is charged its teacher's time.
  const seen = linesOf(lines, "training").find(({ what }) => what === "features, synchronised")!;
  const taught = linesOf(lines, "arm").find(({ arm, seed }) => arm === "A3" && seed === 1)!;
  const log = await readFile(join(home, "runs", "A3-1", "log.jsonl"), "utf8");
  const own = log
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { seconds: number }).seconds);
  expect(seen.seconds).toBeGreaterThan(0);
  expect(taught.seconds).toBeCloseTo(seen.seconds + own.reduce((a, b) => a + b), 6);
});

test("arms of one seed differ in their loss only: features change what is learned", async () => {
  const text = await readFile(join(home, "runs", "A3-1", "log.jsonl"), "utf8");
  const first = (name: string) =>
    readFile(join(home, "runs", name, "log.jsonl"), "utf8").then((all) => JSON.parse(all.split("\n")[0]!));
  const { values } = JSON.parse(text.split("\n")[0]!) as { values: { diffusion: number } };
  const [plain, shuffled] = [await first("A1-1"), await first("A4-1")];
  // The same start, batch, noise and t: the diffusion loss of the first step is the same.
  expect(values.diffusion).toBeCloseTo(plain.loss, 5);
  expect(shuffled.values.diffusion).toBeCloseTo(plain.loss, 5);
  expect(shuffled.values.similarity).not.toBeCloseTo(
    (JSON.parse(text.split("\n")[0]!) as { values: { similarity: number } }).values.similarity,
    6,
  );
});

test("the report says how little follows", async () => {
  const file = await writeReport(home, join(home, "report"));
  const text = await readFile(file, "utf8");
  expect(text).toContain("2 seeds: a pilot");
  expect(text).toContain("A3 - A2");
  expect(text).toContain("![samples](tiny-A.png)");
  expect(text).not.toMatch(/NaN|undefined/);
});

test("a gate stops it before any arm", async () => {
  const preset = { ...studyPresets.tiny, stopping: ["G2"] };
  const folder = join(home, "stopped");
  for (const part of ["codecs", "latents", "runs"]) await cp(join(home, part), join(folder, part), { recursive: true });
  const { stopped, lines } = await runStudy(preset, folder, runtime);
  expect(stopped).toBe("G2");
  expect(linesOf(lines, "arm").every(({ arm }) => arm === "A0")).toBe(true);
  const text = await readFile(await writeReport(folder, join(folder, "report")), "utf8");
  expect(text).toContain("Stopped: failed gates");
});
