import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openOrt } from "../platform/node/devices/ort.ts";
import { saveTinyModel } from "../platform/node/generate/testing.ts";
import { openModel } from "../platform/node/models/open-model.ts";
import type { GuidanceStage } from "../samplers/guidance.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { weightInMemory } from "../tensor/runtime.ts";
import { hashedValues } from "../testing/hashed.ts";
import { relativeError } from "../testing/relative-error.ts";
import type { OpenedModel } from "./assemble.ts";
import { roomy } from "./execution.ts";
import { mostPredictions } from "./guided-denoiser.ts";
import type { TextToVideoModel } from "./model.ts";
import { textToVideo } from "./text-to-video.ts";

let folder: string;
let opened: OpenedModel;
let model: TextToVideoModel;

/** A new model's head is zero: these weights are not. */
function withAnyWeights(from: TextToVideoModel): TextToVideoModel {
  const weights = [...from.transformer.weights].map(([name, { shape }]) => {
    const offset = name.includes("Norm") ? 1 : 0;
    return [name, weightInMemory(hostTensor(hashedValues({ name, shape, offset, scale: 0.5 }), shape))] as const;
  });
  return { ...from, transformer: { ...from.transformer, weights: new Map(weights) } };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-guided-"));
  await saveTinyModel(folder);
  opened = await openModel(folder);
  model = withAnyWeights(opened);
}, 60_000);
afterAll(async () => {
  await opened.close();
  await rm(folder, { recursive: true });
});

async function latentsOf(guidance: readonly GuidanceStage[], sequential = false): Promise<Float32Array> {
  const request = { prompt: "a red ball", width: 64, height: 64, frames: 9, seed: 5, sigmas: [1, 0.6, 0.3], guidance };
  for await (const event of textToVideo(model, openOrt(), request, { execution: { ...roomy, sequential } }))
    if (event.type === "latents") return event.latents;
  throw new Error("no latents");
}

test("guidance that changes with the noise level, in one batch and prompt by prompt", async () => {
  const guidance = [
    { from: 0.9, scale: 1 },
    { from: 0.5, scale: 3, stg: 1, blocks: [0], rescale: 0.7, star: true },
    { from: 0, scale: 1, stg: 2, blocks: [0] },
  ];
  expect(mostPredictions(guidance)).toBe(3);
  const together = await latentsOf(guidance);
  expect(relativeError(await latentsOf(guidance, true), together)).toBeLessThan(1e-4);
  const plain = await latentsOf([{ from: 0, scale: 3 }]);
  expect(relativeError(plain, together)).toBeGreaterThan(1e-3);
});

test("stages without perturbation are plain guidance", async () => {
  const stages = [0.9, 0].map((from) => ({ from, scale: 2 }));
  expect(relativeError(await latentsOf(stages), await latentsOf([{ from: 0, scale: 2 }]))).toBeLessThan(1e-6);
});
