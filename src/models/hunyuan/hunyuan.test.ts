import { describe, expect, test } from "vitest";
import { openOrt } from "../../platform/node/devices/ort.ts";
import { openCheckpointPath } from "../../platform/node/files/open-checkpoint.ts";
import { planProgram } from "../../runtimes/null/null.ts";
import { sizeOf } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import { input } from "../../tensor/tensor.ts";
import { goldenFolder } from "../../testing/goldens.ts";
import { clipL } from "../clip/config.ts";
import { ClipTextEncoder } from "../clip/encoder.ts";
import { hunyuanVideoVae } from "../hunyuan-vae/config.ts";
import { HunyuanVae } from "../hunyuan-vae/vae.ts";
import { llama3 } from "../llama/config.ts";
import { LlamaEncoder } from "../llama/encoder.ts";
import { fromDiffusers, type HunyuanConfig, hunyuanVideo, widthOf } from "./config.ts";
import { configOf } from "./original.ts";
import { HunyuanTransformer } from "./transformer.ts";

const parametersIn = (model: object): number =>
  [...parametersOf(model).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

function inputsOf(config: HunyuanConfig, [frames, height, width]: [number, number, number], words: number) {
  const [t, h, w] = config.patch;
  const table = [(frames / t) * (height / h) * (width / w), config.headWidth / 2];
  return {
    latents: input("latents", [1, config.channels, frames, height, width]),
    text: input("text", [1, words, config.textWidth]),
    textMask: input("mask", [1, words]),
    pooled: input("pooled", [1, config.pooledWidth]),
    sinusoid: input("sinusoid", [1, 256]),
    ...(config.guidance ? { guidance: input("guidance", [1, 256]) } : {}),
    rope: { cos: input("cos", table), sin: input("sin", table) },
  };
}

describe("published sizes", () => {
  test.each([
    ["the autoencoder", () => new HunyuanVae(hunyuanVideoVae), 246_478_803],
    ["Llama 3 8B without its head", () => new LlamaEncoder(llama3), 7_505_186_816],
    ["CLIP-L's text tower", () => new ClipTextEncoder(clipL), 123_060_480],
  ] as const)("%s", (_, make, count) => {
    expect(parametersIn(make())).toBe(count);
  });

  test("the transformer on 49 frames of 960x544", () => {
    const model = mount(new HunyuanTransformer(hunyuanVideo));
    const velocity = model.forward(inputsOf(hunyuanVideo, [13, 68, 120], 256));
    const plan = planProgram(buildProgram({ velocity }, { keep: () => true }));
    expect(plan.parameters).toBe(12_821_012_544);
    expect(velocity.shape).toEqual([1, 16, 13, 68, 120]);
    // 26,520 image tokens: linear layers of 12.8e9 weights and 60 attentions, together 892 TFLOP.
    expect(plan.flops / 892e12).toBeGreaterThan(0.98);
    expect(plan.flops / 892e12).toBeLessThan(1.02);
    // The widest point is a single block: its input, its moved input, attention and feed-forward joined, the output.
    const state = 4 * (26_520 + 256) * widthOf(hunyuanVideo);
    expect(plan.peakBytes).toBeGreaterThan(10 * state);
    expect(plan.peakBytes).toBeLessThan(18 * state);
  });
});

describe("taps", () => {
  const config: HunyuanConfig = {
    ...hunyuanVideo,
    doubleBlocks: 2,
    singleBlocks: 3,
    refinerBlocks: 1,
    heads: 2,
    headWidth: 8,
    ropeAxes: [4, 2, 2],
    channels: 2,
    outChannels: 2,
    textWidth: 6,
    pooledWidth: 5,
  };
  const inputs = inputsOf(config, [2, 4, 4], 3);

  test("see each block's image tokens in order", () => {
    const seen: number[] = [];
    mount(new HunyuanTransformer(config)).forward(inputs, {
      afterBlock: (image, index) => {
        expect(image.shape).toEqual([1, 8, 16]);
        seen.push(index);
        return image;
      },
    });
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  test("may put other tokens in their place", () => {
    const model = mount(new HunyuanTransformer(config));
    const count = (changes: boolean) =>
      buildProgram(
        { velocity: model.forward(inputs, { afterBlock: (x, i) => (changes && i === 3 ? x.mul(2) : x) }) },
        { keep: openOrt().keeps },
      ).nodes.length;
    expect(count(true)).toBeGreaterThan(count(false));
  });

  test("features stop where they are taken", () => {
    const model = mount(new HunyuanTransformer(config));
    const parameters = (block: number) =>
      [...buildProgram({ x: model.features(inputs, block) }).parameters.keys()].filter((name) => /Blocks/.test(name));
    expect(parameters(0).every((name) => name.startsWith("doubleBlocks.0."))).toBe(true);
    expect(parameters(3).some((name) => name.startsWith("singleBlocks.1."))).toBe(true);
    expect(parameters(3).some((name) => name.startsWith("singleBlocks.2."))).toBe(false);
  });
});

test("an original file tells its settings by its shapes", async () => {
  const { config, checkpoint } = await openCheckpointPath(`${goldenFolder}/hunyuan-original`);
  const expected = fromDiffusers(config as Record<string, unknown>);
  expect(configOf(checkpoint.tensors)).toEqual({ ...expected, ropeAxes: [1, 3.5, 3.5] });
  await checkpoint.close();
});
