import { chmod, cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeVideo, readImage, readReceipt, readVideo } from "../platform/node/video/read.ts";
import { writeVideo } from "../platform/node/video/write.ts";
import { hashFrames } from "../video/hash.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const path = (name: string) => join(bench.folder, name);
const generate = (prompt: string, output: string, ...flags: string[]) =>
  run(["generate", prompt, "--model", bench.model, "--seed", "5", "-o", path(output), ...flags]);
/** Names in a folder, staging folders included. */
const names = async (folder: string) => (await readdir(path(folder))).sort();

test("makes a video that plays, with a receipt from which the same frames come again", async () => {
  const { code, out, err } = await generate("a red ball moves left", "a/clip.mp4");
  expect({ code, out }).toEqual({ code: 0, out: path("a/clip.mp4") });
  expect(err).toContain("tiny: 64x64, 9 frames at 8 fps, 2 steps, seed 5");
  expect(await names("a")).toEqual(["clip.mp4"]);
  expect(await probeVideo(path("a/clip.mp4"))).toMatchObject({
    codec: "avc",
    width: 64,
    height: 64,
    frames: 9,
    fps: 8,
  });
  const receipt = await readReceipt(path("a/clip.mp4"));
  expect(receipt).toMatchObject({
    prompt: "a red ball moves left",
    seed: 5,
    sigmas: [1, 0.5, 0],
    guidanceScale: 2,
    frames: 9,
    device: "cpu",
    runtime: "ort",
    extra: { model: "tiny" },
  });
  expect(receipt.models.map(({ name }) => name)).toEqual(["transformer", "vae", "text_encoder"]);
  const replay = await run(["replay", path("a/clip.mp4"), "--model", bench.model]);
  expect(replay).toMatchObject({ code: 0, out: `match: the same 9 frames, ${receipt.framesSha256}` });
});

test("--json prints one object, the same frames for the same seed, others for another", async () => {
  const hash = async (...flags: string[]) => {
    const { out } = await generate("a blue cube", "j.mp4", "--json", "--force", ...flags);
    const result = JSON.parse(out) as { output: string; receipt: { framesSha256: string }; stages: { name: string }[] };
    expect(Object.keys(result)).toEqual(["output", "receipt", "stages"]);
    expect(result.stages.map(({ name }) => name)).toEqual(["load", "text", "denoise", "save", "decode", "encode"]);
    for (const stage of result.stages)
      expect(stage).toEqual({ name: stage.name, seconds: expect.any(Number), peakBytes: expect.any(Number) });
    return result.receipt.framesSha256;
  };
  const [first, again, other] = [await hash(), await hash(), await hash("--seed", "6")];
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

test("sizes off the grid are made larger, cropped and trimmed, and that is said", async () => {
  const { code, err } = await generate("a cone", "crop.mp4", "--size", "72x50", "--frames", "12");
  expect(code).toBe(0);
  expect(err).toContain("72x50 is off the model's grid (multiples of 32): 96x64 is made and cropped");
  expect(err).toContain("8k+1 frames: 17 are made and the first 12 kept");
  expect(await probeVideo(path("crop.mp4"))).toMatchObject({ width: 72, height: 50, frames: 12 });
  expect(await readReceipt(path("crop.mp4"))).toMatchObject({
    width: 72,
    generatedWidth: 96,
    generatedHeight: 64,
    frames: 12,
  });
  expect((await run(["replay", path("crop.mp4"), "--model", bench.model])).code).toBe(0);
});

test("kept latents decode to the same frames", async () => {
  const { err } = await generate("a cube", "kept.mp4", "--keep-latents", "--size", "60x64", "--frames", "10");
  const latents = path("kept.mp4.latents.safetensors");
  expect(err).toContain(`latents: ${latents}`);
  const { code } = await run(["decode", latents, "-o", path("decoded.mp4")]);
  expect(code).toBe(0);
  const [made, decoded] = [await readReceipt(path("kept.mp4")), await readReceipt(path("decoded.mp4"))];
  const unmeasured = { created: "", stages: [] };
  expect({ ...decoded, ...unmeasured }).toEqual({ ...made, ...unmeasured });
});

test("latents that are damaged, foreign or of another model are refused", async () => {
  await generate("a cube", "bad.mp4", "--keep-latents");
  const latents = path("bad.mp4.latents.safetensors");
  const other = path("other");
  await cp(bench.model, other, { recursive: true });
  const config = join(other, "vae", "diffusion_pytorch_model.safetensors");
  const bytes = await readFile(config);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(config, bytes);
  expect(await run(["decode", latents, "--model", other])).toMatchObject({
    code: 3,
    err: expect.stringContaining("vae differs"),
  });
  const foreign = await run(["decode", config]);
  expect(foreign).toMatchObject({ code: 1, err: expect.stringContaining("not latents that turbo2k saved") });
  await truncate(latents, (await stat(latents)).size - 4);
  expect((await run(["decode", latents])).code).toBe(3);
  expect((await run(["decode", path("none.safetensors")])).code).toBe(3);
});

test("prompts of any script and length are taken; unknown words and lost ends are named", async () => {
  const cat = await generate("a cat, 一只猫 🐱", "cat.mp4");
  expect(cat.code).toBe(0);
  expect(cat.err).toMatch(/tiny does not know "cat", "一只猫", "🐱"/);
  expect(cat.err).toContain("sphere");
  const long = await generate("a red ball ".repeat(5000), "long.mp4");
  expect(long.code).toBe(0);
  expect(long.err).toContain("its end is left out");
  expect((await readReceipt(path("long.mp4"))).prompt).toHaveLength(55000);
});

test("pictures, series, gif and webm", async () => {
  for (const output of ["s.png", "s.gif", "s.webm", "series/%03d.png"])
    expect(await generate("a cube", output, "--frames", "3")).toMatchObject({ code: 0, out: path(output) });
  expect(await names("series")).toEqual(["000.png", "001.png", "002.png"]);
  const receipt = await readReceipt(path("series/%03d.png"));
  expect(await hashFrames(readVideo(path("series/%03d.png")))).toBe(receipt.framesSha256);
  for (const file of ["s.gif", "series/%03d.png"])
    expect((await run(["replay", path(file), "--model", bench.model])).code).toBe(0);
});

test("--preview leaves a contact sheet of the estimate", async () => {
  await generate("a cube", "p/seen.mp4", "--preview");
  expect(await names("p")).toEqual(["seen.mp4", "seen.preview.png"]);
  expect((await readImage(path("p/seen.preview.png"))).width).toBeGreaterThan(100);
});

describe("outputs", () => {
  test("an existing file stays without --force", async () => {
    await writeFile(path("mine.mp4"), "mine");
    const { code, err } = await generate("a cube", "mine.mp4");
    expect(err).toMatch(/mine.mp4: exists already\nhint: pass --force/);
    expect(code).toBe(1);
    expect(await readFile(path("mine.mp4"), "utf8")).toBe("mine");
    expect((await generate("a cube", "mine.mp4", "--force")).code).toBe(0);
  });

  test("two runs to one name at once both keep their work", async () => {
    await mkdir(path("two"));
    const runs = await Promise.all([generate("a cube", "two/x.mp4"), generate("a cone", "two/x.mp4")]);
    expect(runs.map(({ out }) => out).sort()).toEqual([path("two/x-2.mp4"), path("two/x.mp4")]);
    expect(await names("two")).toEqual(["x-2.mp4", "x.mp4"]);
    const prompts = [await readReceipt(path("two/x.mp4")), await readReceipt(path("two/x-2.mp4"))];
    expect(prompts.map(({ prompt }) => prompt).sort()).toEqual(["a cone", "a cube"]);
  });

  test("a folder that cannot be written to fails before any work", async () => {
    await writeFile(path("file"), "");
    const { code, err } = await generate("a cube", "file/x.mp4");
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*file/);
    expect(err).not.toContain("denoise");
    if (process.getuid?.() === 0) return; // root may write anywhere
    await mkdir(path("locked"));
    await chmod(path("locked"), 0o500);
    expect((await generate("a cube", "locked/x.mp4")).err).toContain("no permission");
  });
});

describe("failures have their exit codes", () => {
  test("3 for a model that is not there, incomplete or damaged", async () => {
    expect(await run(["generate", "x", "--model", path("nothing")])).toMatchObject({ code: 3 });
    const broken = path("broken");
    await cp(bench.model, broken, { recursive: true });
    const weights = join(broken, "transformer", "diffusion_pytorch_model.safetensors");
    await truncate(weights, 100);
    expect(await run(["generate", "x", "--model", broken])).toMatchObject({ code: 3 });
    const info = await run(["info", broken]);
    expect(info).toMatchObject({ code: 3, out: expect.stringContaining("AutoencoderKLLTXVideo") });
    await rm(join(broken, "transformer"), { recursive: true });
    expect((await run(["generate", "x", "--model", broken])).err).toContain("this model lacks its transformer");
  });

  test("5 for what does not fit, with the nearest that does", async () => {
    const { code, err } = await generate("x", "huge.mp4", "--size", "16384x16384", "--frames", "4001");
    expect(code).toBe(5);
    expect(err).toMatch(/needs about .* GB of memory, .* GB are free\nhint: --.* fits/);
    const plan = await run(["plan", "--model", bench.model, "--size", "16384x16384", "--frames", "4001"]);
    expect(plan).toMatchObject({ code: 5, out: expect.stringContaining("tokens") });
  });

  test("1 for a replay that differs, and for a file without a receipt", async () => {
    await generate("a cube", "old.mp4");
    const receipt = { ...(await readReceipt(path("old.mp4"))), framesSha256: "0".repeat(64) };
    await writeVideo(path("forged.mp4"), readVideo(path("old.mp4")), receipt, () => receipt);
    const forged = await run(["replay", path("forged.mp4"), "--model", bench.model, "--json"]);
    expect(JSON.parse(forged.out)).toMatchObject({ match: false, psnr: expect.any(Number), differences: [] });
    expect(forged).toMatchObject({
      code: 1,
      err: expect.stringMatching(/the frames differ; \d+\.\d dB against the file/),
    });
    const text = await run(["replay", join(bench.model, "turbo2k.json")]);
    expect(text.code).toBe(1);
    expect(await run(["replay", path("old.mp4")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--model FOLDER"),
    });
  });
});

test("plan says what each stage takes without making anything", async () => {
  const { out } = await run(["generate", "x", "--model", bench.model, "--plan", "--json", "--size", "720p"]);
  const plan = JSON.parse(out) as { stages: { name: string; peakBytes: number; seconds: number }[] };
  expect(plan.stages.map(({ name }) => name)).toEqual(["text", "denoise", "decode", "encode"]);
  for (const { peakBytes, seconds } of plan.stages) {
    expect(peakBytes).toBeGreaterThan(1e7);
    expect(seconds).toBeGreaterThan(0);
  }
});

test("info and doctor", async () => {
  const info = JSON.parse((await run(["info", bench.model, "--json"])).out) as { modules: object[]; faults: string[] };
  expect(info).toMatchObject({
    settings: { name: "tiny" },
    modules: [
      { class: "LTXVideoTransformer3DModel", sizes: { layers: 1 } },
      { sizes: { compression: [8, 32, 32] } },
      {},
    ],
    latents: { channels: 16, mean: [0, 0], deviation: [1, 1] },
    faults: [],
  });
  const doctor = JSON.parse((await run(["doctor", "--json"])).out) as object;
  expect(doctor).toMatchObject({ node: process.version, runtimes: { ort: { ok: true, gflops: expect.any(Number) } } });
});
