import { describe, expect, test } from "vitest";
import { ShapeError } from "../../base/errors.ts";
import { type LtxConfig, ltx2b, ltx13b, widthOf } from "../../models/ltx/config.ts";
import { LtxTransformer } from "../../models/ltx/transformer.ts";
import { fromDiffusers } from "../../models/ltx-vae/config.ts";
import { LtxVae } from "../../models/ltx-vae/vae.ts";
import { relativeBuckets, T5Encoder, t5xxl } from "../../models/t5/encoder.ts";
import { openOrt } from "../../platform/node/devices/ort.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { printSummary } from "../../tensor/print.ts";
import { buildProgram, type Program } from "../../tensor/program.ts";
import { recompute } from "../../tensor/region.ts";
import { gradients } from "../../tensor/reverse.ts";
import { constant, input, parameter, type Tensor } from "../../tensor/tensor.ts";
import { adam, adamDefaults, initialMoments } from "../../training/optimiser.ts";
import { createNull, planProgram } from "./null.ts";

/** Latents of 121 frames of 1216x704: 16 x 22 x 38. */
const clip = { frames: 16, height: 22, width: 38 };
const clipTokens = clip.frames * clip.height * clip.width;
const words = 128;

/** A transformer call whose tables are inputs, so that tracing it allocates nothing. */
function traceTransformer(
  config: LtxConfig,
  { tokens = clipTokens, around, text = config.captionChannels }: Trace = {},
): { model: LtxTransformer; velocity: Tensor } {
  const model = mount(new LtxTransformer(config));
  const pairs = widthOf(config) / 2;
  const velocity = model.forward(
    {
      latents: input("latents", [1, tokens, config.channels]),
      text: input("text", [1, words, text]),
      textMask: input("mask", [1, words]),
      sinusoid: input("sinusoid", [1, 1, 256]),
      rope: { cos: input("cos", [tokens, pairs]), sin: input("sin", [tokens, pairs]) },
    },
    around ? { around } : {},
  );
  return { model, velocity };
}

interface Trace {
  readonly tokens?: number;
  readonly around?: (block: () => Tensor) => Tensor;
  readonly text?: number;
}

const keepAll = { keep: () => true };
const count = (program: Program, name: string) =>
  program.nodes.filter((node) => (node.attributes as { kernel?: { name: string } }).kernel?.name === name).length;

describe("whole models", () => {
  test.each([
    ["2B", ltx2b, 1_923_385_472],
    ["13B", ltx13b, 13_042_569_344],
  ] as const)("LTX-Video %s at 121 frames of 1216x704", (_, config, parameters) => {
    const program = buildProgram({ velocity: traceTransformer(config).velocity }, keepAll);
    const plan = planProgram(program);
    expect(plan.parameters).toBe(parameters);
    expect(plan.parameterBytes).toBe(4 * parameters);
    expect(program.nodes[program.outputs.get("velocity")!]!.shape).toEqual([1, clipTokens, 128]);
    expect(count(program, "attention")).toBe(2 * config.layers);
    // Linear layers on tokens, keys and values of the text, and the two attentions.
    const width = widthOf(config);
    const block = 28 * width ** 2 * clipTokens + 4 * width ** 2 * words + 4 * width * clipTokens * (clipTokens + words);
    expect(plan.flops / (config.layers * block)).toBeGreaterThan(1);
    expect(plan.flops / (config.layers * block)).toBeLessThan(1.02);
    // The feed-forward's inner state before and after its activation, its input's residual and the output.
    const state = 4 * clipTokens * width;
    expect(plan.peakBytes).toBeGreaterThan(8 * state);
    expect(plan.peakBytes).toBeLessThan(11 * state);
  });

  test("T5-XXL on 128 words", () => {
    const model = mount(new T5Encoder(t5xxl));
    const states = model.forward({
      ids: input("ids", [1, words], "i32"),
      buckets: constant(relativeBuckets(words, t5xxl)),
      mask: input("mask", [1, words]),
    });
    const plan = planProgram(buildProgram({ states }, keepAll));
    expect(plan.parameters).toBe(4_762_310_656);
    expect(plan.peakBytes).toBeLessThan(2 ** 26);
  });

  test("the autoencoder 0.9.0", () => {
    const model = mount(new LtxVae(fromDiffusers({})));
    const pixels = model.decoder.forward(input("latents", [1, 128, clip.frames, clip.height, clip.width]));
    const program = buildProgram({ pixels }, keepAll);
    const plan = planProgram(program);
    expect(plan.parameters).toBe(238_789_296);
    expect(program.nodes[program.outputs.get("pixels")!]!.shape).toEqual([1, 3, 121, 704, 1216]);
    const total = [...parametersOf(model).values()].reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(total).toBe(419_193_649);
    // Three maps of 128 channels at a quarter of the pixels: what is normalised, what is convolved, the shortcut.
    expect(plan.peakBytes).toBeGreaterThan(3 * 4 * 128 * 121 * 176 * 304);
  });
});

test("a training step of the whole 2B model, 49 frames of 960x544", () => {
  const tokens = 7 * 17 * 30;
  const { model, velocity } = traceTransformer(ltx2b, { tokens, around: recompute });
  const loss = velocity.sub(input("target", velocity.shape)).square().mean();
  const parameters = [...parametersOf(model).values()];
  const { updates } = adam(parameters, gradients(loss, parameters), adamDefaults);
  const plan = planProgram(buildProgram({ loss }, { updates, keep: openOrt().keeps }));
  expect(plan.parameters).toBe(4 * 1_923_385_472); // weights, two moments, an average
  // All gradients at once, for their common norm, the residual stream before each block, and one block at work: its
  // attention logits a few times over.
  const [weights, stream, logits] = [4 * 1_923_385_472, 4 * tokens * 2048, 4 * 32 * tokens ** 2];
  expect(plan.peakBytes).toBeLessThan(weights + 28 * stream + 4 * logits);
});

describe("a training step", () => {
  const config: LtxConfig = {
    ...ltx2b,
    layers: 8,
    heads: 4,
    headWidth: 64,
    channels: 64,
    outChannels: 64,
    captionChannels: 256,
  };

  function step(around?: Trace["around"]): { program: Program; model: LtxTransformer } {
    const { model, velocity } = traceTransformer(config, { tokens: 336, ...(around ? { around } : {}) });
    const loss = velocity.sub(input("target", velocity.shape)).square().mean();
    const parameters = [...parametersOf(model).values()];
    const { updates, norm } = adam(parameters, gradients(loss, parameters), adamDefaults);
    return { program: buildProgram({ loss, norm }, { updates, keep: openOrt().keeps }), model };
  }

  test("needs less memory where blocks are recomputed", () => {
    const [plain, again] = [step().program, step(recompute).program].map(planProgram);
    // New weights, two moments and an average, as large as the old ones; loss and norm.
    for (const plan of [plain!, again!]) expect(plan.resultBytes).toBe(plan.parameterBytes + 8);
    expect(again!.peakBytes).toBeLessThan(0.5 * plain!.peakBytes);
    expect(again!.flops).toBeLessThan(1.45 * plain!.flops);
    expect(again!.flops).toBeGreaterThan(1.2 * plain!.flops);
  });

  test("runs from a state without values", async () => {
    const runtime = createNull(openOrt().keeps);
    const { program, model } = step(recompute);
    const weights = new Map([...parametersOf(model)].map(([name, { shape }]) => [name, hostTensor([], shape)]));
    const state = await runtime.state(initialMoments(weights, adamDefaults));
    const executable = await runtime.compile(program, { state });
    const feeds: Record<string, HostTensor> = {};
    for (const [name, at] of program.inputs) feeds[name] = hostTensor([], program.nodes[at]!.shape);
    expect(await executable.run(feeds)).toMatchObject({ loss: { shape: [], dtype: "f32" }, norm: { shape: [] } });
    await expect(executable.run({ ...feeds, latents: hostTensor([], [1, 2]) })).rejects.toThrow(
      "input latents needs [1, 336, 64], got [1, 2]",
    );
    await expect(runtime.compile(program, { weights: new Map() })).rejects.toThrow("weights do not fit: ");
    expect(printSummary(program)).toContain("attention");
  });
});

describe("errors while tracing name the layer", () => {
  const message = (body: () => unknown): string => {
    try {
      body();
    } catch (error) {
      expect(error).toBeInstanceOf(ShapeError);
      return (error as ShapeError).message;
    }
    return "none";
  };
  const small: LtxConfig = {
    ...ltx2b,
    layers: 2,
    heads: 2,
    headWidth: 8,
    channels: 4,
    outChannels: 4,
    captionChannels: 12,
  };

  test("a text of another width", () => {
    expect(message(() => traceTransformer(small, { text: 16 }))).toBe(
      "captionProjection.in: matmul with text, captionProjection.in.weight: inner sizes 16 and 12 of [1, 128, 16] x [16, 12] differ",
    );
  });

  test("a weight of another shape deep in a block", () => {
    const model = mount(new LtxTransformer(small));
    Object.assign(model.blocks[1]!.feedForward.out, { weight: Object.assign(parameter([16, 60]), { name: "w" }) });
    const [tokens, pairs] = [6, 8];
    const inputs = {
      latents: input("latents", [1, tokens, 4]),
      text: input("text", [1, 3, 12]),
      sinusoid: input("sinusoid", [1, 1, 256]),
      rope: { cos: input("cos", [tokens, pairs]), sin: input("sin", [tokens, pairs]) },
    };
    expect(message(() => model.forward(inputs))).toMatch(
      /^blocks\.1\.feedForward\.out: matmul with w: inner sizes 64 and 60/,
    );
    const short = { ...inputs, rope: { cos: input("cos", [5, pairs]), sin: input("sin", [5, pairs]) } };
    expect(message(() => model.forward(short))).toMatch(
      /^blocks\.0\.selfAttention\.queryNorm: reshape with cos: cannot reshape \[5, 8\]/,
    );
  });
});
