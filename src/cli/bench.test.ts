import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { expect, test } from "vitest";
import { addBench } from "./bench.ts";

async function run(...words: string[]): Promise<{ out: string[]; notes: string[] }> {
  const [out, notes]: [string[], string[]] = [[], []];
  const program = new Command("turbo2k").enablePositionalOptions().exitOverride();
  addBench(program, {
    out: (text) => void out.push(text),
    note: (text) => void notes.push(text),
    signal: new AbortController().signal,
  });
  await program.parseAsync(["bench", ...words], { from: "user" });
  return { out, notes };
}

const quick = ["--tiny", "--rounds", "1", "--reps", "2"];

test("prints a line a case", async () => {
  const { out } = await run("--case", "matmul", "conv3d", ...quick);
  expect(out).toHaveLength(2);
  expect(out[0]).toMatch(/^matmul {2}5,6,7 {2}[\d.e-]+ ms \(spread \d+ %, n 2\) {2}[\d.]+ [kMG]?FLOP\/s$/);
});

test("prints and writes one JSON object", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-bench-"));
  try {
    const file = join(folder, "results", "x.json");
    const { out, notes } = await run("--case", "attention", ...quick, "--json", "-o", file);
    const report = JSON.parse(out.join("\n"));
    expect(report).toMatchObject({ runtime: "ort", rounds: 1, results: [{ case: "attention", shape: [1, 2, 5, 4] }] });
    expect(report).toEqual(JSON.parse(await readFile(file, "utf8")));
    expect(notes.at(-1)).toBe(`figures: ${file}`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  [["--against", "python"], "--against python needs --python PATH"],
  [["--case", "matmul", "--shape", "3,x"], '--shape must be a whole number from 1 to 1000000, got "x"'],
  [["--shape", "3,4"], "--shape needs one case"],
  [["--case", "matmul", "--precision", "f16"], "f16 is measured on a GPU only"],
  [["--case", "block", "--config", "/nowhere.json"], "/nowhere.json: no settings"],
])("%j is told why", async (words, message) => {
  await expect(run(...words)).rejects.toThrow(message);
});

test("efficiency opens the device that it is told", async () => {
  const words = ["efficiency", "--tiny", "--device", "webgpu", "--clock", "cpu"];
  await expect(run(...words)).rejects.toThrow(/says nothing of a GPU|no WebGPU adapter|Dawn/);
});

test("extrapolates steps of large models, with flags of its own", { timeout: 120_000 }, async () => {
  const { out, notes } = await run("efficiency", "--tiny", "--reps", "1", "--device", "cpu", "--json");
  expect(JSON.parse(out.join("\n"))).toMatchObject({ runtime: "ort", device: "cpu", models: { length: 3 } });
  expect(notes).toHaveLength(14);
});
