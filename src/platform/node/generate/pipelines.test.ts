/** Whole pipelines against those of diffusers, from prompt to latents (tools/parity/pipeline_goldens.py). */
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as upsampler from "../../../models/ltx-upsampler/config.ts";
import { LatentUpsampler } from "../../../models/ltx-upsampler/upsampler.ts";
import { publishedName } from "../../../models/ltx-upsampler/weights.ts";
import type { OpenedModel } from "../../../pipelines/assemble.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { multiScale } from "../../../pipelines/multi-scale.ts";
import { type PipelineEvent, textToVideo } from "../../../pipelines/text-to-video.ts";
import { upscale } from "../../../pipelines/upscale.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { floatsOf, goldenFolder, goldenModel } from "../../../testing/goldens.ts";
import { relativeError } from "../../../testing/relative-error.ts";
import { openCheckpoint } from "../../../weights/checkpoint.ts";
import { memorySource } from "../../../weights/source.ts";
import { openOrt } from "../devices/ort.ts";
import { openModel } from "../models/open-model.ts";

const runtime = openOrt({ threads: 1 });
const size = { width: 64, height: 32, frames: 9, fps: 24 };
const said = { prompt: "a red ball", negativePrompt: "worst quality", seed: 7, guidanceScale: 3 };
const tolerance = 1e-4;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-pipelines-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A golden's model, with the tokenizer that all goldens share. */
async function open(name: string): Promise<OpenedModel> {
  const to = join(folder, name);
  await cp(join(goldenFolder, name), to, { recursive: true });
  await mkdir(join(to, "tokenizer"), { recursive: true });
  await cp(join(goldenFolder, "tokenizer", "t5.model"), join(to, "tokenizer", "spiece.model"));
  return openModel(to, { compat: "diffusers" });
}

async function latentsOf(name: string): Promise<(which: string) => Float32Array> {
  const path = join(goldenFolder, name, "latents.safetensors");
  const all = await floatsOf(await openCheckpoint(memorySource(await readFile(path), path)));
  return (which) => all.get(which)!.data;
}

/** Latents of the first event of a kind. */
async function made(
  events: AsyncIterable<PipelineEvent>,
  type: "draft" | "latents" = "latents",
): Promise<Float32Array> {
  for await (const event of events) if (event.type === type) return event.latents;
  throw new Error(`no ${type}`);
}

/** The picture that the goldens were made with: bytes (factor i) mod 251. */
const picture = (factor: number) => {
  const { width, height } = size;
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * factor) % 251) };
};

async function withUpsampler(model: OpenedModel): Promise<TextToVideoModel> {
  const golden = { case: "upsampler-space", probe: "", module: "latent_upsampler", weights: "weights.json" } as const;
  const { opened, overrides } = await goldenModel(golden);
  const config = upsampler.fromDiffusers(opened.config!);
  const paths = [...parametersOf(new LatentUpsampler(config)).keys()];
  const weights = new Map(paths.map((path) => [path, overrides!.get(publishedName(path))!]));
  return { ...model, upsampler: { config, weights } };
}

test("LTXPipeline: the shifted schedule of 0.9.0", async () => {
  const model = await open("pipeline-090");
  const golden = await latentsOf("pipeline-090");
  expect(model.settings.maskText).toBe(false);
  const latents = await made(textToVideo(model, runtime, { ...size, ...said, steps: 4 }));
  expect(relativeError(latents, golden("text"))).toBeLessThan(tolerance);
  await model.close();
});

test("LTXConditionPipeline: the schedule of 0.9.5, pictures at two frames, and two passes around the upsampler", async () => {
  const model = await open("pipeline-095");
  const golden = await latentsOf("pipeline-095");
  const text = await made(textToVideo(model, runtime, { ...size, ...said, steps: 4 }));
  expect(relativeError(text, golden("text"))).toBeLessThan(tolerance);

  const conditions = [
    { frames: [picture(7)], frame: 0, strength: 1 },
    { frames: [picture(11)], frame: 8, strength: 0.7 },
  ];
  const sigmas = [1, 0.75, 0.5, 0.25];
  const pictures = await made(textToVideo(model, runtime, { ...size, ...said, sigmas, conditions }));
  expect(relativeError(pictures, golden("pictures"))).toBeLessThan(tolerance);

  const scaled = await withUpsampler(model);
  const request = {
    ...said,
    fps: size.fps,
    ...{ width: 128, height: 64, frames: 9 },
    sigmas: [0.9094, 0.725, 0.4219, 0],
    guidanceScale: 1,
    draft: { ...size, sigmas: [1, 0.5, 0], guidanceScale: 3, upscaled: true },
  };
  const draft = await made(multiScale(scaled, runtime, request), "draft");
  expect(relativeError(draft, golden("first pass"))).toBeLessThan(tolerance);
  const upscaled = await upscale(scaled.upsampler!, runtime, draft, { frames: 3, height: 2, width: 4 });
  expect(relativeError(upscaled, golden("upscaled"))).toBeLessThan(tolerance);
  const final = await made(multiScale(scaled, runtime, request));
  expect(relativeError(final, golden("second pass"))).toBeLessThan(tolerance);
  await model.close();
});
