import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { vbenchDimensions } from "../metrics/vbench.ts";
import { openCheckpointPath } from "../platform/node/files/open-checkpoint.ts";
import { goldenFolder, goldens } from "../testing/goldens.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

test("eval world generates test prompts, judges them and leaves a contact sheet", async () => {
  const output = join(bench.folder, "world");
  const flags = ["--model", bench.model, "--prompts", "2", "-o", output];
  const { code, out } = await run(["eval", "world", ...flags, "--json"]);
  expect(code).toBe(0);
  const result = JSON.parse(out) as { all: { clips: number; attributes: object }; prompts: { prompt: string }[] };
  expect(result.all.clips).toBe(2);
  expect(Object.keys(result.all.attributes)).toEqual(expect.arrayContaining(["shape", "colour", "motion"]));
  expect((await readdir(output)).sort()).toEqual(["results.json", "sheet.png"]);
  expect(JSON.parse(await readFile(join(output, "results.json"), "utf8"))).toMatchObject({ prompts: result.prompts });
  expect((await run(["eval", "world", ...flags])).out).toContain("2 clips");
});

test("eval vae takes a whole model or the autoencoder alone", async () => {
  const flags = ["--clips", "1", "--size", "96x64", "--frames", "9", "--json", "-o", join(bench.folder, "vae")];
  const whole = await run(["eval", "vae", "--model", bench.model, ...flags]);
  expect(JSON.parse(whole.out)).toMatchObject({ psnr: expect.any(Number), truth: { clips: 1 }, trip: { clips: 1 } });
  const alone = ["eval", "vae", "--model", join(bench.model, "vae"), ...flags];
  expect(await run(alone)).toMatchObject({ code: 4, err: expect.stringContaining("--preset mini") });
  expect((await run([...alone, "--preset", "mini"])).out).toBe(whole.out);
});

test("eval aggregate scores VBench files in percent, and says what is missing", async () => {
  const path = join(bench.folder, "vbench.json");
  const names = Object.keys(vbenchDimensions);
  await writeFile(path, JSON.stringify(Object.fromEntries(names.map((name) => [name, [1, []]]))));
  const { out } = await run(["eval", "aggregate", path, "--json"]);
  const scores = JSON.parse(out) as Record<string, number>;
  expect(Object.keys(scores)).toEqual(["quality_score", "semantic_score", "total_score"]);
  expect(scores["total_score"]).toBeCloseTo((4 * scores["quality_score"]! + scores["semantic_score"]!) / 5, 9);
  await writeFile(path, '{"scene": [0.5, []]}');
  const partial = await run(["eval", "aggregate", path]);
  expect(partial.out).toContain("total score    not known");
  expect(partial.err).toContain("object_class");
  expect((await run(["eval", "aggregate", join(bench.folder, "none.json")])).code).toBe(1);
});

test("probe runs one module on tensors of a file", async () => {
  const golden = (await goldens()).find(({ module }) => module === "vae.decoder")!;
  const inputs = join(goldenFolder, golden.case, golden.probe, "inputs.safetensors");
  const output = join(bench.folder, "out.safetensors");
  const flags = ["--module", "vae.decoder", "--inputs", inputs, "--output", output];
  const { code, err } = await run(["probe", "--model", join(goldenFolder, golden.case), ...flags]);
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^sample \[1, 3, /) });
  const { checkpoint } = await openCheckpointPath(output);
  expect([...checkpoint.tensors.keys()]).toEqual(["sample"]);
  await checkpoint.close();
  expect(await run(["probe", "--model", join(bench.folder, "none"), ...flags])).toMatchObject({ code: 3 });
});
