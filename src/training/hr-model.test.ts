import { describe, expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import type { LtxConfig } from "../models/ltx/config.ts";
import { cropTokens, placeTokens } from "../models/ltx/placement.ts";
import { type Crop, resizing, resizingOf } from "../models/ltx/resize.ts";
import { type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { forwardWithTaps, HrTransformer } from "../models/ltx/two-stage.ts";
import { checkTaps, fromJson, type HrConfig, proportionalTaps, toJson } from "../models/ltx/two-stage-config.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { guideProgram } from "../pipelines/guide.ts";
import { refineProgram } from "../pipelines/refiner.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { planProgram } from "../runtimes/null/null.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { type Runtime, weightInMemory } from "../tensor/runtime.ts";
import { constant, type Tensor } from "../tensor/tensor.ts";
import { followDraft, initialHrWeights } from "./hr-initial.ts";
import { initialWeights } from "./initial.ts";

const transformer: LtxConfig = {
  layers: 3,
  heads: 2,
  headWidth: 8,
  channels: 6,
  outChannels: 6,
  captionChannels: 8,
  qkEpsilon: 1e-5,
  epsilon: 1e-6,
  ropeTheta: 10000,
};
const config: HrConfig = {
  transformer,
  taps: [0, 2],
  guidance: "features",
  form: "residual",
  conv: "depthwise",
  placement: "field",
  moments: 0,
};
const small: Grid = { frames: 2, height: 2, width: 3 };
const large: Grid = { frames: 2, height: 5, width: 8 };
const width = 16;

const noise = (name: string, ...shape: number[]): HostTensor =>
  hostTensor(
    gaussian(
      shape.reduce((a, b) => a * b, 1),
      7,
      name,
    ),
    shape,
  );
const base = initialWeights(mount(new LtxTransformer(transformer)), 3, { bias: () => 0.1 });
const weightsOf = (values: ReadonlyMap<string, HostTensor>) =>
  new Map([...values].map(([name, value]) => [name, weightInMemory(value)]));

async function compute(
  x: Record<string, Tensor>,
  values: ReadonlyMap<string, HostTensor>,
  runtime: Runtime = reference,
) {
  const executable = await runtime.compile(buildProgram(x, { keep: runtime.keeps }), { weights: weightsOf(values) });
  const results = await executable.run({});
  executable.dispose();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

function inputsOf(grid: Grid, tokens?: Int32Array) {
  const places = placeTokens(grid, small, "field", { fps: 8, compression: [8, 32, 32] });
  const kept = tokens ? places.map((axis) => Float32Array.from(tokens, (token) => axis[token]!)) : places;
  const { cos, sin } = ropeTables(kept, width);
  const count = kept[0]!.length;
  return {
    latents: constant(noise("latents", 1, count, 6)),
    text: constant(noise("text", 1, 4, 8)),
    textMask: constant(hostTensor(Float32Array.of(1, 1, 1, 0), [1, 4])),
    sinusoid: constant(timestepSinusoid([400], [1, 1])),
    rope: { cos: constant(cos), sin: constant(sin) },
  };
}

/** A model whose fusions do something. */
const stirred = (hr: HrTransformer): Map<string, HostTensor> =>
  new Map(
    [...initialHrWeights(hr, base, 1)].map(([name, value]) => [
      name,
      name.startsWith("fusion") ? { ...value, data: gaussian(value.data.length, 5, name).map((x) => x * 0.3) } : value,
    ]),
  );
const guidesOf = (channels = width) => [0, 1].map((k) => constant(noise(`tap${k}`, 1, tokensOf(small), channels)));
const upsampled = (hr: HrTransformer, crop?: Crop, channels = width) => {
  const values = resizing(small, large, { ...hr.config, ...(crop ? { crop } : {}) });
  return hr.upsample(
    guidesOf(channels),
    resizingOf(values, (value) => constant(value)),
  );
};

describe("the high-resolution model at the first training step", () => {
  test.each([
    ["reference", reference],
    ["ort", openOrt({ threads: 1 })],
  ])("equals the low-resolution model to the bit on %s", async (_, runtime) => {
    const hr = mount(new HrTransformer({ ...config, moments: 2 }));
    const values = initialHrWeights(hr, base, 1);
    const plain = await compute(
      { out: mount(new LtxTransformer(transformer)).forward(inputsOf(large)) },
      base,
      runtime,
    );
    const fused = await compute({ out: hr.forward(inputsOf(large), upsampled(hr)) }, values, runtime);
    expect([...fused["out"]!]).toEqual([...plain["out"]!]);
  });

  test.each(["figure", "literal"] as const)("does not in the %s form", async (form) => {
    const hr = mount(new HrTransformer({ ...config, form }));
    const values = initialHrWeights(hr, base, 1);
    const plain = await compute({ out: mount(new LtxTransformer(transformer)).forward(inputsOf(large)) }, base);
    const fused = await compute({ out: hr.forward(inputsOf(large), upsampled(hr)) }, values);
    expect([...fused["out"]!]).not.toEqual([...plain["out"]!]);
  });

  test("begins with guides that are the resized, normalised features", async () => {
    const hr = mount(new HrTransformer({ ...config, moments: 2 }));
    const { guide } = await compute({ guide: upsampled(hr)[0]! }, initialHrWeights(hr, base, 1));
    const tap = noise("tap0", 1, tokensOf(small), width).data as Float32Array;
    const size = (at: number) =>
      Math.sqrt(tap.slice(at * width, (at + 1) * width).reduce((a, x) => a + x * x, 0) / width);
    // The top left cell lies left of and above the first cell's centre.
    for (let c = 0; c < width; c++) expect(guide![c]).toBeCloseTo(tap[c]! / size(0), 5);
  });
});

describe("a trained second stage beside another draft", () => {
  test("takes over what the draft has changed, and keeps what it learned", async () => {
    const hr = mount(new HrTransformer(config));
    const trained = new Map(
      [...stirred(hr)].map(([name, { data, shape }]) => [
        name,
        hostTensor(data.map((x, i) => x + 0.01 * Math.sin(i)) as Float32Array, shape),
      ]),
    );
    const now = new Map(
      [...base].map(([name, { data, shape }], k) => [name, hostTensor(data.map((x) => x + k) as Float32Array, shape)]),
    );
    const moved = followDraft(trained, base, now);
    expect([...moved.keys()]).toEqual([...trained.keys()]);
    const changes = new Map([...base.keys()].map((name, k) => [`transformer.${name}`, k]));
    for (const [name, { data }] of moved)
      for (const [i, x] of data.entries())
        expect(x - trained.get(name)!.data[i]!).toBeCloseTo(changes.get(name) ?? 0, 4);
    expect(followDraft(trained, base, base)).toEqual(trained);
  });
});

describe("Eq. 5 and 6", () => {
  test("the literal form is (Norm(Linear(h)) + g')(1 + α) + β", async () => {
    const hr = mount(new HrTransformer({ ...config, form: "literal", taps: [1] }));
    const values = stirred(hr);
    const value = (name: string) => values.get(`fusion.0.join.${name}`)!.data as Float32Array;
    const [h, g, t] = [noise("h", 1, 1, width), noise("g", 1, 1, width), noise("t", 1, 1, width)];
    const join = hr.fusion[0]!.join.forward({ h: constant(h), guide: constant(g), time: constant(t) });
    const { out } = await compute({ out: join }, values);
    const linear = (x: ArrayLike<number>, name: string, outer: number) =>
      Array.from({ length: outer }, (_, o) =>
        Array.from(x).reduce(
          (sum, v, i) => sum + v * value(`${name}.weight`)[o * width + i]!,
          value(`${name}.bias`)[o]!,
        ),
      );
    const raw = linear(h.data, "linH", width);
    const mean = raw.reduce((a, b) => a + b) / width;
    const deviation = Math.sqrt(raw.reduce((a, x) => a + (x - mean) ** 2, 0) / width + 1e-6);
    const shifts = linear(
      Array.from(t.data, (x) => x / (1 + Math.exp(-x))),
      "linT",
      2 * width,
    );
    for (let c = 0; c < width; c++)
      expect(out![c]).toBeCloseTo(
        ((raw[c]! - mean) / deviation + g.data[c]!) * (1 + shifts[c]!) + shifts[width + c]!,
        4,
      );
  });
});

describe.each([
  ["depthwise", 0],
  ["dense", 0],
  ["depthwise", 3],
] as const)("a %s guide with %i moments", (conv, moments) => {
  test.each([
    { top: 0, left: 0, height: 3, width: 4 },
    { top: 1, left: 2, height: 2, width: 3 },
    { top: 2, left: 3, height: 3, width: 5 },
  ])("of a crop is the same part of the whole: %j", async (crop) => {
    const hr = mount(new HrTransformer({ ...config, conv, moments }));
    const values = stirred(hr);
    const { whole } = await compute({ whole: upsampled(hr)[1]! }, values);
    const { part } = await compute({ part: upsampled(hr, crop)[1]! }, values);
    const tokens = cropTokens(large, crop);
    expect(part!.length).toBe(tokens.length * width);
    for (const [i, token] of tokens.entries())
      for (let c = 0; c < width; c++) expect(part![i * width + c]).toBeCloseTo(whole![token * width + c]!, 6);
  });
});

test("a crop's tokens keep their places", () => {
  const crop = { top: 1, left: 2, height: 2, width: 3 };
  const whole = placeTokens(large, small, "field", { fps: 8, compression: [8, 32, 32] });
  const tokens = cropTokens(large, crop);
  expect([...tokens].slice(0, 4)).toEqual([10, 11, 12, 18]);
  expect(tokens[6]).toBe(40 + 10);
  // The field of view ends where that of the small picture does; pixels go on.
  expect(whole[2]![7]! + (32 * 3) / 8).toBeCloseTo(96, 4);
  expect(placeTokens(large, small, "pixels", { fps: 8, compression: [8, 32, 32] })[2]![7]).toBe(224);
});

test("latents are widened for the arm that is guided by them, and no guide at all is an arm too", async () => {
  const latent = mount(new HrTransformer({ ...config, guidance: "latents" }));
  const { out } = await compute(
    { out: latent.forward(inputsOf(large), upsampled(latent, undefined, 6)) },
    initialHrWeights(latent, base, 1),
  );
  const none = mount(new HrTransformer({ ...config, guidance: "none" }));
  expect(none.fusion).toEqual([]);
  const plain = await compute({ out: none.forward(inputsOf(large), []) }, initialHrWeights(none, base, 1));
  expect([...out!]).toEqual([...plain["out"]!]);
});

test.each([0, 3])(
  "the guide of a video with %i moments is a program of its own, with a small part of a step's arithmetic",
  (moments) => {
    const program = guideProgram({ ...config, moments }, small, large);
    expect([...program.outputs.keys()]).toEqual(["guide0", "guide1"]);
    expect([...program.parameters.keys()].every((name) => name.includes(".guide."))).toBe(true);
    const mini = { ...transformer, layers: 6, heads: 3, headWidth: 64, channels: 64, captionChannels: 128 };
    const hr = { config: { ...config, transformer: mini, taps: [0, 1, 3, 4], moments } };
    const [draft, whole] = [
      { frames: 4, height: 9, width: 16 },
      { frames: 4, height: 45, width: 80 },
    ];
    const guide = planProgram(guideProgram(hr.config, draft, whole, () => true)).flops;
    const step = planProgram(
      refineProgram({ hr, settings: { textLength: 32 } }, { grid: whole, batch: 1 }, () => true),
    ).flops;
    expect(guide / 4 / step).toBeLessThan(0.03);
  },
);

test("settings of models from before there were moments mean none; impossible counts are refused", () => {
  const { moments, ...old } = toJson({ ...config, moments: 2 });
  expect(moments).toBe(2);
  expect(fromJson(old)).toEqual(config);
  for (const wrong of [-1, 1.5, 5, "2", [2]])
    expect(() => fromJson({ ...old, moments: wrong })).toThrow("moments must be");
});

describe("taps", () => {
  test("lie at the depths of the paper", () => {
    expect(proportionalTaps(28)).toEqual([0, 7, 14, 21]);
    expect(proportionalTaps(6)).toEqual([0, 1, 3, 4]);
    expect(proportionalTaps(2)).toEqual([0, 1]);
  });

  test.each([[[3]], [[-1]], [[0.5]], [[1, 1]], [[2, 0]], [[]]])("%j of 3 blocks are refused", (taps) => {
    expect(() => checkTaps(taps, 3)).toThrow("taps must rise from 0 to 2 at most");
    expect(() => new HrTransformer({ ...config, taps })).toThrow("taps must rise");
    expect(() => fromJson({ ...toJson(config), taps })).toThrow(/taps(\[\d\])? must/);
  });

  test("hand over the stream after their blocks", async () => {
    const low = mount(new LtxTransformer(transformer));
    const { velocity, features } = forwardWithTaps(low, inputsOf(small), [0, 2]);
    expect(features.map(({ shape }) => shape)).toEqual([
      [1, 12, 16],
      [1, 12, 16],
    ]);
    const both = await compute({ velocity, a: features[0]!, b: features[1]! }, base);
    const seen: Tensor[] = [];
    const again = low.forward(inputsOf(small), {
      afterBlock: (x) => {
        seen.push(x);
        return x;
      },
    });
    const alone = await compute({ velocity: again, a: seen[0]!, b: seen[2]! }, base);
    expect(both).toEqual(alone);
  });

  test("another number of guides is refused", () => {
    const hr = mount(new HrTransformer(config));
    expect(() => hr.forward(inputsOf(large), [])).toThrow("takes 2 guides, got 0");
  });
});

test("settings survive being a file, and wrong ones are named", () => {
  expect(fromJson(JSON.parse(JSON.stringify(toJson(config))) as Record<string, unknown>)).toEqual(config);
  expect(() => fromJson({ ...toJson(config), form: "magic" })).toThrow("form must be one of residual, figure, literal");
});
