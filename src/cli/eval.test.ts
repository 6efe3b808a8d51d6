import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { greyFrame } from "../metrics/testing.ts";
import { vbenchDimensions } from "../metrics/vbench.ts";
import { openCheckpointPath } from "../platform/node/files/open-checkpoint.ts";
import { writeVideo } from "../platform/node/video/write.ts";
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
  expect((await readdir(output)).sort()).toEqual(["results.json", "results.md", "sheet.png"]);
  expect(await readFile(join(output, "results.md"), "utf8")).toMatch(
    /\n\| all\.joint \| [\d.]+ % \| [\d.]+ to [\d.]+ \| 2 \|\n/,
  );
  expect(JSON.parse(await readFile(join(output, "results.json"), "utf8"))).toMatchObject({ prompts: result.prompts });
  expect((await run(["eval", "world", ...flags])).out).toContain("2 clips");
});

test("eval vae takes a whole model or the autoencoder alone", async () => {
  const flags = ["--clips", "1", "--size", "96x64", "--frames", "9", "--json", "-o", join(bench.folder, "vae")];
  const whole = await run(["eval", "vae", "--model", bench.model, ...flags]);
  expect(JSON.parse(whole.out)).toMatchObject({
    psnr: { value: expect.any(Number), low: null, n: 1 },
    truth: { clips: 1, joint: { asked: 1, low: expect.any(Number), high: expect.any(Number) } },
    trip: { clips: 1 },
  });
  expect(await readFile(join(bench.folder, "vae", "results.md"), "utf8")).toContain("| psnr | ");
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

test("eval split says which clips VBench-Long makes of long videos", async () => {
  const size = { width: 32, height: 32, fps: 8 };
  const frames = Array.from({ length: 49 }, (_, at) => greyFrame(at, 32, 32));
  for (const name of ["long", "short"])
    await writeVideo(join(bench.folder, "clips", `${name}.mp4`), frames.slice(0, name === "long" ? 49 : 5), size);
  const { out } = await run(["eval", "split", join(bench.folder, "clips")]);
  expect(out.split("\n").map((line) => line.split("clips/")[1])).toEqual([
    "long.mp4: 0 to 15, 16 to 31, 32 to 47, 33 to 48",
    "short.mp4: 0 to 4",
  ]);
  const flags = ["--dimension", "scene", "human_action", "--json"];
  const actions = JSON.parse((await run(["eval", "split", join(bench.folder, "clips/long.mp4"), ...flags])).out);
  expect(actions).toMatchObject({ seconds: 10, videos: [{ frames: 49, fps: 8, clips: [[0, 49]] }] });
});

test("eval aggregate --long averages clips, fuses consistency and says each dimension", async () => {
  const path = join(bench.folder, "long.json");
  const consistent = { "a.mp4": { clips: [0.96, 0.9754], between: 0.875 } };
  await writeFile(path, JSON.stringify({ subject_consistency: consistent, scene: { "a.mp4": { clips: [0.2, 0.4] } } }));
  const { out } = await run(["eval", "aggregate", path, "--long", "--json"]);
  const { dimensions, missing } = JSON.parse(out) as { dimensions: Record<string, number>; missing: string[] };
  expect(dimensions["subject_consistency"]).toBeCloseTo(0.9775733, 6);
  expect(dimensions["scene"]).toBeCloseTo(0.3, 12);
  expect(missing).toHaveLength(14);
  expect((await run(["eval", "aggregate", path, "--long"])).out).toMatch(
    /^subject consistency 0.9776\nscene +0.3000\n/,
  );
  expect(await run(["eval", "aggregate", path])).toMatchObject({ code: 2 });
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
