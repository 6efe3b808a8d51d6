import { expect, test } from "vitest";
import { ClipTextEncoder } from "../models/clip/encoder.ts";
import { LlamaEncoder } from "../models/llama/encoder.ts";
import { TextTokenizer } from "../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../models/t5/word-tokenizer.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { inMemory } from "../platform/node/training/job.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { input } from "../tensor/tensor.ts";
import { relativeError } from "../testing/relative-error.ts";
import { initialWeights } from "../training/initial.ts";
import { type HunyuanText, hunyuanTemplate, openPrompts } from "./hunyuan-text.ts";
import { type Settings, settingsSchema } from "./model.ts";

const tokenizer = new TextTokenizer(buildWordTokenizer(["describe", "the", "video", "a", "red", "ball"]));
const sizes = { width: 16, heads: 2, inner: 16, vocabulary: tokenizer.size, epsilon: 1e-5 };
const [language, clip] = [
  { ...sizes, layers: 4, keyHeads: 1, headWidth: 8, ropeTheta: 1e4, attentionBias: false, feedForwardBias: false },
  { ...sizes, layers: 1, length: 8, end: 1 },
];
const weights = {
  language: initialWeights(new LlamaEncoder(language), 1),
  clip: initialWeights(new ClipTextEncoder(clip), 2),
};
const text: HunyuanText = {
  tokenizer,
  language: { config: language, weights: inMemory(weights.language) },
  clip: { config: clip, weights: inMemory(weights.clip) },
};
const runtime = openOrt({ threads: 1 });
const settings = { textLength: 6 } as Settings;

async function encode(change: Partial<Settings>, ...prompts: string[]) {
  const encoder = openPrompts({ settings: { ...settings, ...change }, text }, runtime);
  const states = await encoder.encode(prompts);
  encoder.dispose();
  return states;
}

test("an instruction stands before the prompt, and its own states are dropped", async () => {
  const promptTemplate = { text: "describe the video {}", crop: 3, skip: 2 };
  const { states, mask, pooled } = await encode({ promptTemplate }, "a red ball", "ball");
  const plain = await encode({}, "a red ball", "ball");
  expect(states.shape).toEqual([2, 6, 16]);
  // The end counts as a word.
  expect([...mask.data]).toEqual([1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0]);
  expect(mask).toEqual(plain.mask);
  // CLIP reads the prompt alone.
  expect(relativeError(pooled.data as Float32Array, plain.pooled.data as Float32Array)).toBeLessThan(1e-6);
  expect(relativeError(states.data as Float32Array, plain.states.data as Float32Array)).toBeGreaterThan(0.1);

  // The same by hand: the whole sequence through all layers but two, without the last norm.
  const { ids, mask: whole } = tokenizer.encode("describe the video a red ball", 9);
  const out = mount(new LlamaEncoder(language)).forward(
    { ids: input("ids", [1, 9], "i32"), mask: input("mask", [1, 9]) },
    { skip: 2 },
  );
  const executable = await runtime.compile(buildProgram({ out }), { weights: text.language.weights });
  const feeds = { ids: hostTensor(ids, [1, 9]), mask: hostTensor(Float32Array.from(whole), [1, 9]) };
  const expected = (await executable.run(feeds))["out"]!.data as Float32Array;
  const words = 4 * 16;
  expect(
    relativeError((states.data as Float32Array).subarray(0, words), expected.subarray(3 * 16, 3 * 16 + words)),
  ).toBeLessThan(1e-5);
});

test("a long prompt keeps as many tokens as without an instruction", async () => {
  const promptTemplate = { text: "describe the video {}", crop: 3, skip: 0 };
  const long = "a red ball a red ball a red ball";
  expect([...(await encode({ promptTemplate }, long)).mask.data]).toEqual([1, 1, 1, 1, 1, 1]);
});

test("CLIP reads no more words than it has places for", async () => {
  const prompts = ["a red ball a red ball", "ball"];
  const short = await encode({ textLength: clip.length }, ...prompts);
  const long = await encode({ textLength: clip.length + 4 }, ...prompts);
  expect(long.states.shape).toEqual([2, clip.length + 4, 16]);
  expect(long.pooled).toEqual(short.pooled);
});

test("HunyuanVideo's own is one, and what has no place for the prompt is none", () => {
  const { promptTemplate } = settingsSchema.shape;
  expect(promptTemplate.parse(hunyuanTemplate)).toEqual(hunyuanTemplate);
  expect(hunyuanTemplate).toMatchObject({ crop: 95, skip: 2 });
  expect(promptTemplate.parse({ text: "say {}" })).toEqual({ text: "say {}", crop: 0, skip: 0 });
  expect(promptTemplate.safeParse({ text: "say it" }).success).toBe(false);
});
