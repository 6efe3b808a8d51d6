import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VideoPlan } from "../pipelines/plan.ts";
import type { ArmResult } from "../platform/node/evaluate/arms.ts";
import { addTinyHr } from "../platform/node/generate/testing.ts";
import { probeVideo, readReceipt } from "../platform/node/video/read.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
  await addTinyHr(bench.model);
});
afterAll(() => bench.close());

const path = (name: string) => join(bench.folder, name);
const generate = (output: string, ...flags: string[]) =>
  run(["generate", "a red ball", "--model", bench.model, "--seed", "5", "-o", path(output), ...flags]);

describe("a large video", () => {
  test("is made in two stages, with a receipt from which the same frames come again", async () => {
    const { code, err } = await generate("large.mp4", "--size", "160x96");
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toContain(
      "tiny: 160x96, 9 frames at 8 fps, 2 steps at 96x64, then 2 at 160x96 without guidance, seed 5",
    );
    for (const stage of ["text", "draft", "guide", "refine", "decode"]) expect(err).toMatch(new RegExp(`${stage} \\d`));
    expect(await probeVideo(path("large.mp4"))).toMatchObject({ width: 160, height: 96, frames: 9 });
    const receipt = await readReceipt(path("large.mp4"));
    expect(receipt).toMatchObject({ guidanceScale: 1, steps: 2, generatedWidth: 160 });
    expect(receipt.draft).toEqual({ width: 96, height: 64, sampler: "euler", sigmas: [1, 0.1, 0], guidanceScale: 2 });
    expect(receipt.models.map(({ name }) => name)).toContain("hr_transformer");
    const stage = (name: string) => receipt.stages!.find((one) => one.name === name)!;
    expect(stage("draft")).toMatchObject({ tokens: 12, runs: 2 });
    expect(stage("refine")).toMatchObject({ tokens: 30, runs: 2 });
    expect(stage("refine").flops).toBeGreaterThan(1e5);
    expect(stage("refine").secondsPerRun! * 2).toBeCloseTo(stage("refine").seconds, 6);
    expect(stage("guide")).toMatchObject({ tokens: 30, runs: 1 });
    expect(stage("decode").peakBytes).toBeGreaterThan(1e6);
    const replay = await run(["replay", path("large.mp4"), "--model", bench.model]);
    expect(replay).toMatchObject({ code: 0, out: `match: the same 9 frames, ${receipt.framesSha256}` });
  });

  test("of a size off the grid is cropped; the draft has its shape", async () => {
    const { code, err } = await generate("tall.mp4", "--size", "90x150", "--frames", "10");
    expect(code).toBe(0);
    expect(err).toContain("96x160 is made and cropped");
    expect(err).toContain("2 steps at 64x96, then 2 at 96x160");
    expect(await probeVideo(path("tall.mp4"))).toMatchObject({ width: 90, height: 150, frames: 10 });
    expect((await run(["replay", path("tall.mp4"), "--model", bench.model])).code).toBe(0);
  });

  test("keeps its draft on request: latents that decode, and a video that replays", async () => {
    const { code, err } = await generate("kept.mp4", "--size", "160x96", "--keep-stages", "--hr-steps", "1");
    expect(code).toBe(0);
    expect(err).toContain("then 1 at 160x96");
    expect(err).toMatch(/draft video \d/);
    expect((await readdir(bench.folder)).filter((name) => name.startsWith("kept")).sort()).toEqual([
      "kept.draft.mp4",
      "kept.draft.mp4.latents.safetensors",
      "kept.mp4",
    ]);
    const draft = await readReceipt(path("kept.draft.mp4"));
    expect(draft).toMatchObject({ width: 96, height: 64, sigmas: [1, 0.1, 0], guidanceScale: 2 });
    expect(draft.draft).toBeUndefined();
    expect((await run(["replay", path("kept.draft.mp4"), "--model", bench.model])).code).toBe(0);
    const again = await run([
      ...["decode", path("kept.draft.mp4.latents.safetensors"), "--model", bench.model, "-o", path("again.mp4")],
    ]);
    expect(again.code).toBe(0);
    expect((await readReceipt(path("again.mp4"))).framesSha256).toBe(draft.framesSha256);
    expect((await generate("kept.mp4", "--size", "160x96", "--keep-stages")).code).not.toBe(0);
  });

  test("can be made in one stage, and a small one in two", async () => {
    const one = await generate("one.mp4", "--size", "160x96", "--stages", "1");
    expect(one.err).toContain("9 frames at 8 fps, 2 steps, seed 5");
    expect((await readReceipt(path("one.mp4"))).draft).toBeUndefined();
    const two = await generate("two.mp4", "--stages", "2");
    expect(two.err).toContain("2 steps at 64x64, then 2 at 64x64");
    const { err, code } = await generate("none.mp4", "--keep-stages");
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("made in one stage") });
  });

  test("guides its draft as one stage is guided", async () => {
    const flags = ["--stg-scale", "1", "--stg-blocks", "0", "--guidance-rescale", "0.5"];
    const plain = await generate("plain.mp4", "--stages", "2");
    const { code } = await generate("guided.mp4", "--stages", "2", ...flags);
    expect([plain.code, code]).toEqual([0, 0]);
    const [one, other] = [await readReceipt(path("plain.mp4")), await readReceipt(path("guided.mp4"))];
    expect(other.draft?.guidance).toEqual([{ from: 0, scale: 2, stg: 1, blocks: [0], rescale: 0.5 }]);
    expect(other.framesSha256).not.toBe(one.framesSha256);
    const again = await run(["replay", path("guided.mp4"), "--model", bench.model]);
    expect(again.code).toBe(0);
  });

  test("comes from a model that info describes", async () => {
    const { code, out } = await run(["info", bench.model, "--json"]);
    expect(code).toBe(0);
    const { modules } = JSON.parse(out) as { modules: { module: string; class: string; faults: string[] }[] };
    expect(modules.at(-1)).toMatchObject({
      module: "hr_transformer",
      class: "Turbo2kHighResolutionTransformer",
      sizes: { layers: 1, width: 32, taps: [0] },
      faults: [],
    });
  });

  test("is planned stage by stage", async () => {
    const { out } = await run(["plan", "--model", bench.model, "--size", "160x96", "--json"]);
    const { stages } = JSON.parse(out) as VideoPlan;
    expect(stages.map(({ name, runs, tokens }) => [name, runs, tokens])).toEqual([
      ["text", 1, undefined],
      ["draft", 2, 12],
      ["guide", 1, 30],
      ["refine", 2, 30],
      ["decode", 1, 30],
      ["encode", 9, undefined],
    ]);
  });

  test("comes from explicit noise levels too, which cost one more pass for the features", async () => {
    const { code } = await generate("levels.mp4", "--size", "160x96", "--sigmas", "1,0.5");
    expect(code).toBe(0);
    expect((await readReceipt(path("levels.mp4"))).draft!.sigmas).toEqual([1, 0.5, 0]);
    expect((await run(["replay", path("levels.mp4"), "--model", bench.model])).code).toBe(0);
  });
});

test.each(["features-synced", "latents", "none"] as const)(
  "a model guided by %s runs, and makes other frames",
  async (guidance) => {
    const arm = path(guidance);
    await cp(bench.model, arm, { recursive: true });
    await addTinyHr(arm, { guidance });
    const make = (model: string) =>
      run([
        "generate",
        "a red ball",
        "--model",
        model,
        "--seed",
        "5",
        "-o",
        path(`${guidance}.mp4`),
        "--size",
        "160x96",
        "--force",
      ]);
    const ran = await make(arm);
    expect({ code: ran.code, err: ran.err }).toMatchObject({ code: 0 });
    const { framesSha256 } = await readReceipt(path(`${guidance}.mp4`));
    await make(bench.model);
    expect((await readReceipt(path(`${guidance}.mp4`))).framesSha256).not.toBe(framesSha256);
  },
);

test("either stage may walk with fresh noise in every step", async () => {
  const { framesSha256: euler } = await framesOf(bench.model);
  const seen = new Set([euler]);
  for (const stages of [{ sampler: "stochastic" }, { hr: { sampler: "stochastic" } }]) {
    const model = path(`stochastic-${Object.keys(stages)[0]}`);
    await cp(bench.model, model, { recursive: true });
    const file = join(model, "turbo2k.json");
    const settings = JSON.parse(await readFile(file, "utf8")) as { hr: object };
    const changed = { ...settings, ...stages, hr: { ...settings.hr, ...stages.hr } };
    await writeFile(file, JSON.stringify(changed));
    const made = await framesOf(model);
    // The weights are those of the other model, which walks plainly.
    expect((await run(["replay", path("walked.mp4"), "--model", bench.model])).code).toBe(0);
    expect((await framesOf(model)).framesSha256).toBe(made.framesSha256);
    seen.add(made.framesSha256);
  }
  expect(seen.size).toBe(3);
});

async function framesOf(model: string) {
  const flags = ["--model", model, "--seed", "5", "--size", "160x96", "-o", path("walked.mp4"), "--force"];
  expect((await run(["generate", "a red ball", ...flags])).code).toBe(0);
  return readReceipt(path("walked.mp4"));
}

describe("a second stage that does not belong", () => {
  const broken = async (name: string, change: (config: Record<string, unknown>) => void) => {
    const folder = path(name);
    await cp(bench.model, folder, { recursive: true });
    const file = join(folder, "hr_transformer", "config.json");
    const config = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    change(config);
    await writeFile(file, JSON.stringify(config));
    return run(["generate", "a red ball", "--model", folder, "-o", path("never.mp4")]);
  };

  test.each([
    [
      "another low-resolution model",
      (config) => (config["base"] = "ab".repeat(32)),
      "belongs to another low-resolution",
    ],
    ["another width", (config) => (config["num_attention_heads"] = 4), "belongs to another low-resolution model"],
    ["taps that do not exist", (config) => (config["taps"] = [0, 7]), "taps must rise from 0 to 0"],
    ["an unknown form", (config) => (config["form"] = "magic"), "form must be one of"],
  ] satisfies [string, (config: Record<string, unknown>) => unknown, string][])(
    "%s is refused",
    async (name, change, message) => {
      const { code, err } = await broken(name, change);
      expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining(message) });
    },
  );

  test("a model without one says so where two stages are asked for", async () => {
    const folder = path("single");
    await cp(bench.model, folder, { recursive: true });
    await rm(join(folder, "hr_transformer"), { recursive: true });
    const { code, err } = await run([
      "generate",
      "a ball",
      "--model",
      folder,
      "-o",
      path("never.mp4"),
      "--stages",
      "2",
    ]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("has no high-resolution stage") });
  });
});

test("eval stages times every arm stage by stage, over one draft", async () => {
  const output = path("arms");
  const flags = ["--model", bench.model, "--size", "160x96", "--seed", "2", "-o", output];
  const all = ["two-stage", "cascade", "bicubic", "direct"];
  expect(await run(["eval", "stages", ...flags, "--stages", "1"])).toMatchObject({ code: 2 });
  const { code, out, err } = await run(["eval", "stages", "a red ball", ...flags, "--arm", ...all, "--json"]);
  expect({ code, err }).toMatchObject({ code: 0 });
  const { arms } = JSON.parse(out) as { arms: ArmResult[] };
  expect(arms.map(({ arm, stages }) => [arm, stages.map(({ name }) => name)])).toEqual([
    ["two-stage", ["text", "draft", "guide", "refine", "decode"]],
    ["cascade", ["text", "draft", "decode draft", "upscale", "encode tiles", "refine", "decode"]],
    ["bicubic", ["text", "draft", "decode draft", "upscale"]],
    ["direct", ["text", "denoise", "decode"]],
  ]);
  for (const { novelBand, agreement } of arms) {
    expect(novelBand).toBeGreaterThan(0);
    expect(agreement.ssim).toBeLessThanOrEqual(1);
  }
  const [, , enlarged, direct] = arms;
  expect(enlarged!.agreement.ssim).toBeGreaterThan(0.6);
  expect(direct!.agreement.ssim).toBeLessThan(enlarged!.agreement.ssim);
  expect((await readdir(output)).sort()).toEqual([...all.map((name) => `${name}.png`), "results.json"].sort());
});
