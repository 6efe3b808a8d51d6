import { expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { quantise } from "../kernels/int8.ts";
import { ltx2b } from "../models/ltx/config.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { HrTransformer } from "../models/ltx/two-stage.ts";
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { mount, parametersOf } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { type Runtime, type WeightSource, weightInMemory } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { relativeError } from "../testing/relative-error.ts";
import { webGpuForTests } from "../testing/webgpu.ts";
import { initialWeights } from "../training/initial.ts";
import { bf16ToF32, f32ToBf16 } from "../weights/half.ts";
import { velocityProgram } from "./denoiser.ts";
import { type Holding, openHeld, steadyInputs } from "./holding.ts";
import type { Settings, TextToVideoModel } from "./model.ts";
import { refineProgram } from "./refiner.ts";
import { int8Weights, w8a8 } from "./w8a8.ts";

const ort = openOrt();
const [webgpu] = await webGpuForTests();

const config = { ...ltx2b, layers: 2, heads: 2, headWidth: 24, channels: 6, outChannels: 6, captionChannels: 10 };
const settings: Pick<Settings, "textLength"> = { textLength: 5 };
const weights = new Map(
  [...initialWeights(mount(new LtxTransformer(config)), 3)].map(([name, value]) => [name, weightInMemory(value)]),
);
const model = { settings, transformer: { config, weights } } as unknown as TextToVideoModel;

async function velocity(runtime: Runtime, { transformer }: TextToVideoModel, holding: Holding = "widened") {
  const own = { settings: model.settings, transformer };
  const program = velocityProgram(own, { grid: { frames: 2, height: 7, width: 10 }, batch: 1 }, runtime.keeps);
  const feeds = Object.fromEntries(
    [...program.inputs].map(([name, at]) => {
      const { shape } = program.nodes[at]!;
      return [name, hostTensor(gaussian(sizeOf(shape), 2, name), shape)];
    }),
  );
  const options = { weights: transformer.weights, holding, steady: steadyInputs };
  const executable = await openHeld(runtime, program, options);
  const results = await executable.run(feeds);
  executable.dispose();
  return results["velocity"]!.data;
}

test("a transformer in 8 bits is close to itself in floats, and alike on every runtime", async () => {
  const plain = await velocity(ort, model);
  const all = [];
  for (const runtime of [reference, ort, ...(webgpu ? [webgpu] : [])]) {
    const narrow = w8a8(model, runtime);
    expect([...narrow.transformer.weights.keys()]).toContain("blocks.1.feedForward.out.codes");
    expect([...narrow.transformer.weights.keys()]).toContain("projectOut.weight");
    const got = await velocity(runtime, narrow);
    expect(relativeError(got, plain)).toBeGreaterThan(1e-4);
    expect(relativeError(got, plain)).toBeLessThan(2e-2);
    all.push(got);
  }
  // A value that lies between two codes may become the other one where sums are rounded otherwise.
  for (const got of all) expect(relativeError(got, all[0]!)).toBeLessThan(3e-3);
});

test("layers that come and go give the same bits", async () => {
  const narrow = w8a8(model, ort);
  expect(await velocity(ort, narrow, "streamed")).toEqual(await velocity(ort, narrow, "mapped"));
});

test("the second stage's blocks are in 8 bits too, and its fusions are not", () => {
  const hr: HrConfig = {
    transformer: config,
    taps: [0],
    guidance: "features",
    form: "residual",
    conv: "depthwise",
    placement: "field",
    moments: 0,
  };
  const { parameters } = refineProgram(
    { hr: { config: hr, linears: "w8a8" }, settings: model.settings },
    { grid: { frames: 1, height: 4, width: 4 }, batch: 1 },
  );
  const inBlocks = [...parameters.keys()].filter((name) => name.startsWith("transformer.blocks."));
  expect(inBlocks).toContain("transformer.blocks.1.selfAttention.query.codes");
  expect(inBlocks).not.toContain("transformer.blocks.1.selfAttention.query.weight");
  const fusions = (list: Iterable<string>) => [...list].filter((name) => name.startsWith("fusion."));
  const upsampled = /\.guide\./; // once for a video, in a program of its own
  const all = fusions(parametersOf(new HrTransformer(hr)).keys()).filter((name) => !upsampled.test(name));
  expect(fusions(parameters.keys()).sort()).toEqual(all.sort());
});

test("long weights are read in bands of whole tiles, to the same codes, once for both parts", async () => {
  const [rows, columns] = [1100, 70];
  const data = f32ToBf16(gaussian(rows * columns, 6));
  const value: HostTensor = { dtype: "bf16", shape: [rows, columns], data };
  const ranges: [number, number][] = [];
  const ranged: WeightSource = {
    ...weightInMemory(value),
    readRange: async (from, to) => {
      ranges.push([from, to]);
      return data.slice(from, to);
    },
  };
  const program = buildProgram({ ...quantise(input("weight", value.shape)) });
  const whole = await reference.compile(program);
  const expected = await whole.run({ weight: hostTensor(bf16ToF32(data), value.shape) });
  for (const source of [ranged, weightInMemory(value)]) {
    const narrow = int8Weights(new Map([["blocks.0.in.weight", source]]), reference);
    expect([...narrow.keys()]).toEqual(["blocks.0.in.codes", "blocks.0.in.scale"]);
    for (const part of ["codes", "scale"]) {
      const got = await narrow.get(`blocks.0.in.${part}`)!.read();
      expect(got.shape).toEqual(expected[part]!.shape);
      expect([...got.data]).toEqual(Array.from(expected[part]!.data, part === "scale" ? Math.fround : Number));
    }
  }
  expect(ranges).toEqual([
    [0, 1024 * columns],
    [1024 * columns, rows * columns],
  ]);
});
