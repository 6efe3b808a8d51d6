import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VideoPlan } from "../pipelines/plan.ts";
import { writeFileAtomically } from "../platform/node/files/atomic-file.ts";
import { saveTinyModel, saveTinyUpsampler } from "../platform/node/generate/testing.ts";
import { type HubFile, openFakeHub } from "../platform/node/hub/testing.ts";
import { probeVideo, readReceipt } from "../platform/node/video/read.ts";
import { encodePng } from "../video/png.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
  await saveTinyUpsampler(path("upscaler"));
});
afterAll(() => bench.close());

const path = (name: string) => join(bench.folder, name);
const generate = (output: string, ...flags: string[]) =>
  run(["generate", "a red ball", "--model", bench.model, "--seed", "5", "-o", path(output), ...flags]);
const upsampler = () => ["--upsampler", path("upscaler")];

test("two passes and an upscaling between them, with a receipt from which the same frames come again", async () => {
  const { code, err } = await generate("large.mp4", "--size", "160x104", ...upsampler());
  expect({ code, err }).toMatchObject({ code: 0 });
  // Two thirds of 160x104, down to the grid: 96x64; then twice that.
  expect(err).toContain("2 steps at 96x64, then 3 at 192x128 without guidance, seed 5");
  expect(err).toContain("192x128 is made and resized to 160x104");
  for (const stage of ["text", "draft", "upscale", "refine", "decode"]) expect(err).toMatch(new RegExp(`${stage} \\d`));
  expect(await probeVideo(path("large.mp4"))).toMatchObject({ width: 160, height: 104, frames: 9 });
  const receipt = await readReceipt(path("large.mp4"));
  expect(receipt).toMatchObject({ guidanceScale: 1, sigmas: [0.9094, 0.725, 0.4219, 0], generatedWidth: 192 });
  expect(receipt.draft).toEqual({
    width: 96,
    height: 64,
    sampler: "euler",
    sigmas: [1, 0.5, 0],
    guidanceScale: 2,
    upscaled: true,
  });
  expect(receipt.models.map(({ name }) => name)).toContain("latent_upsampler");
  const stage = (name: string) => receipt.stages!.find((one) => one.name === name)!;
  expect(stage("draft")).toMatchObject({ tokens: 12, runs: 2 });
  expect(stage("upscale")).toMatchObject({ tokens: 12, runs: 1 });
  expect(stage("refine")).toMatchObject({ tokens: 48, runs: 3 });
  const replay = await run(["replay", path("large.mp4"), "--model", bench.model, ...upsampler()]);
  expect(replay).toMatchObject({ code: 0, out: `match: the same 9 frames, ${receipt.framesSha256}` });
  const without = await run(["replay", path("large.mp4"), "--model", bench.model]);
  expect(without.code).toBe(3);
  expect(without.err).toContain("latent_upsampler");
});

test("the release's own passes, a given picture in both of them, and latents that decode to the same frames", async () => {
  const model = path("own");
  await saveTinyModel(model, {
    multiScale: {
      downscale: 0.5,
      first: { steps: 4, skipFirst: 0, skipLast: 1 },
      second: { steps: 4, skipFirst: 2, skipLast: 0, guidance: [{ from: 0, scale: 1, stg: 1, blocks: [0] }] },
      toneMap: 0.6,
    },
  });
  await saveTinyUpsampler(join(model, "latent_upsampler"));
  const data = Uint8Array.from({ length: 80 * 60 * 3 }, (_, i) => (i * 7) % 251);
  await writeFileAtomically(path("start.png"), [encodePng({ width: 80, height: 60, data })]);
  const flags = ["--model", model, "--size", "128x64", "--image", path("start.png")];
  const made = await generate("own.mp4", ...flags, "--keep-latents", "--keep-stages");
  expect({ code: made.code, err: made.err }).toMatchObject({ code: 0 });
  const receipt = await readReceipt(path("own.mp4"));
  expect(receipt.draft).toMatchObject({ width: 64, height: 32, sigmas: [1, 0.75, 0.5, 0] });
  expect(receipt.sigmas).toEqual([0.5, 0.25, 0]);
  expect(receipt.guidance).toEqual([{ from: 0, scale: 1, stg: 1, blocks: [0] }]);
  const latents = (await readdir(bench.folder)).filter((name) => /^own\.mp4\..*safetensors$/.test(name));
  const again = await run(["decode", path(latents[0]!), "--model", model, "-o", path("again.mp4")]);
  expect({ code: again.code, err: again.err }).toMatchObject({ code: 0 });
  expect((await readReceipt(path("again.mp4"))).framesSha256).toBe(receipt.framesSha256);
  const replayed = await run(["replay", path("own.mp4"), "--model", model, "--image", path("start.png")]);
  expect(replayed.out).toContain(receipt.framesSha256);
  const draft = await run(["replay", path("own.draft.mp4"), "--model", model, "--image", path("start.png")]);
  expect({ code: draft.code, out: draft.out }).toMatchObject({ code: 0 });
  const one = await generate("one.mp4", ...flags, "--stages", "1");
  expect(one.err).toContain("9 frames at 8 fps, 2 steps, seed 5");
});

test("a plan has every pass; steps of both are the user's where asked", async () => {
  const flags = ["--size", "160x104", "--steps", "3", "--hr-steps", "2", ...upsampler()];
  const { code, out } = await run(["plan", "--model", bench.model, ...flags, "--json"]);
  expect(code).toBe(0);
  const plan = JSON.parse(out) as VideoPlan;
  expect(plan.stages.map(({ name, runs }) => [name, runs])).toEqual([
    ["text", 1],
    ["draft", 3],
    ["upscale", 1],
    ["refine", 2],
    ["decode", 1],
    ["encode", 9],
  ]);
});

test("an upsampler of a hub is downloaded", async () => {
  const folder = path("upscaler");
  const files: Record<string, HubFile> = {
    "model_index.json": {
      content: Buffer.from('{"latent_upsampler": ["diffusers", "LTXLatentUpsamplerModel"]}'),
      plain: true,
    },
  };
  for (const name of await readdir(folder))
    files[`latent_upsampler/${name}`] = { content: await readFile(join(folder, name)), plain: name.endsWith(".json") };
  const hub = await openFakeHub("tiny/upscaler", files);
  const before = { ...process.env };
  Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: path("cache") });
  try {
    const { code, err } = await generate("hub.mp4", "--upsampler", "tiny/upscaler");
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toMatch(/tiny\/upscaler at aaaaaaaa: \d+ files/);
    expect((await readReceipt(path("hub.mp4"))).draft?.upscaled).toBe(true);
  } finally {
    process.env = before;
    await hub.close();
  }
});

test("info tells of a latent upsampler in a model's folder", async () => {
  const model = path("described");
  await saveTinyModel(model);
  await saveTinyUpsampler(join(model, "latent_upsampler"));
  const { code, out } = await run(["info", model]);
  expect(code).toBe(0);
  expect(out).toContain("LTXLatentUpsamplerModel");
});

test("what is no latent upsampler is refused", async () => {
  const vae = await generate("no.mp4", "--upsampler", join(bench.model, "vae"));
  expect(vae).toMatchObject({ code: 3 });
  const gone = await generate("no.mp4", "--upsampler", path("gone"));
  expect(gone.err).toContain("there is no such latent upsampler");
});
