/** Values of many bindings on devices with few: shaders compute their results part by part. */
import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../base/errors.ts";
import { gaussian } from "../../base/philox.ts";
import { gelu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { rmsNorm } from "../../kernels/norms.ts";
import { rmsNormRope } from "../../kernels/rms-norm-rope.ts";
import { rope } from "../../kernels/rope.ts";
import { softmax } from "../../kernels/softmax.ts";
import { ltx2b, widthOf } from "../../models/ltx/config.ts";
import { Block } from "../../models/ltx/transformer.ts";
import { type HostTensor, hostTensor, type Shape, sizeOf } from "../../tensor/dtype.ts";
import { mount } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import { type CompileOptions, weightInMemory } from "../../tensor/runtime.ts";
import { concat, input, parameter, type Tensor } from "../../tensor/tensor.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { nullGpuDevice, webGpuForTests } from "../../testing/webgpu.ts";
import { reference } from "../reference/reference.ts";
import type { GpuLimits } from "./limits.ts";
import { createWebGpu, type WebGpuRuntime } from "./webgpu.ts";

const [plain] = await webGpuForTests();
const withGpu = describe.skipIf(!plain);

/** A runtime on the shared device whose bindings show so many numbers. */
const open = (numbers: number, limits: Partial<GpuLimits> = {}, weights: "file" | "int8" = "file"): WebGpuRuntime => {
  const few = { bindingBytes: 4 * numbers, bufferBytes: 8 * numbers, bindings: 8, isSoftware: true };
  return createWebGpu(plain!.gpu.device, { weights, limits: { ...few, ...limits } });
};

const draw = (name: string, shape: Shape): HostTensor => hostTensor(gaussian(sizeOf(shape), 5, name), shape);

/** The error of a program against the reference; at least one of its steps sees windows only. */
async function errorInParts(runtime: WebGpuRuntime, out: Tensor, options: CompileOptions = {}): Promise<number> {
  const program = buildProgram({ out }, { keep: runtime.keeps });
  expect(runtime.lower(program, options).steps.filter(({ shader }) => shader.windows).length).toBeGreaterThan(1);
  const plain = buildProgram({ out });
  const feeds = Object.fromEntries([...plain.inputs].map(([name, at]) => [name, draw(name, plain.nodes[at]!.shape)]));
  const results = [];
  for (const executable of [await runtime.compile(program, options), await reference.compile(plain, options)]) {
    results.push((await executable.run(feeds))["out"]!.data);
    executable.dispose();
  }
  return relativeError(results[0]!, results[1]!);
}

const x = input("x", [3, 40, 16]);
const [y, z, gate] = [input("y", [3, 40, 16]), input("z", [3, 40, 16]), input("gate", [3, 1, 16])];
const qkv = ["q", "k", "v"].map((name) => input(name, [2, 24, 16])) as [Tensor, Tensor, Tensor];
const attend = (bias?: Tensor) => attention(...qkv, { heads: 4, scale: 0.5, ...(bias ? { bias } : {}) });

withGpu("computed part by part, as the reference says", () => {
  test.each<[string, number, () => Tensor]>([
    ["elementwise with a vector for each of a batch", 64, () => gelu(x).mul(gate).add(y).sub(z)],
    ["a long vector, an integer and a condition", 64, () => x.less(y).select(x.exp(), z)],
    [
      "permuted",
      640,
      () =>
        x
          .permute(2, 0, 1)
          .exp()
          .mul(input("w", [16, 3, 40])),
    ],
    ["sliced, flipped and padded", 64, () => y.slice(1, 8, 30, 2).flip(1).pad([0, 9, 0], [0, 20, 0]).add(x).add(z)],
    ["joined along an inner axis", 64, () => concat([x.tanh(), y], 2).mul(concat([z, z], 2))],
    [
      "rows that are picked",
      320,
      () =>
        input("table", [20, 16])
          .gather(input("at", [120]).abs().mul(5).cast("i32"))
          .add(x.reshape(120, 16)),
    ],
    ["sums of rows", 256, () => x.square().sum(2, true).sqrt().mul(2)],
    ["the largest of planes", 640, () => input("v", [8, 10, 64]).amax(1).exp()],
    ["rms norm with a weight", 64, () => rmsNorm(x.add(y), { weight: input("w", [16]), epsilon: 1e-6 }).mul(gate)],
    ["softmax", 64, () => softmax(x)],
    [
      "rms norm by heads with rotary embedding",
      64,
      () =>
        rmsNormRope(x, {
          weight: input("w", [8]),
          epsilon: 1e-6,
          cos: input("cos", [40, 4]),
          sin: input("sin", [40, 4]),
        }),
    ],
    ["rotary embedding", 64, () => rope(x, { cos: input("cos", [40, 8]), sin: input("sin", [40, 8]) })],
    [
      "products in sheets, with what follows",
      640,
      () =>
        x
          .matmul(input("w", [3, 16, 40]))
          .mul(input("b", [40]))
          .add(1),
    ],
    [
      "products of turned operands",
      704,
      () => input("a", [3, 16, 70]).matmul(input("w", [44, 16]), { transposeA: true, transposeB: true }),
    ],
    ["attention of one head", 256, () => attention(...qkv, { heads: 1, scale: 0.25 }).add(qkv[0])],
    ["attention of several heads", 128, () => attend()],
    ["attention of several heads with a bias for all", 128, () => attend(input("bias", [24]))],
    ["attention of several heads with a bias for each", 320, () => attend(input("bias", [2, 4, 1, 24]))],
  ])("%s", async (_, numbers, out) => {
    expect(await errorInParts(open(numbers), out())).toBeLessThan(1e-5);
  });

  test("products in tiles", async () => {
    const out = input("a", [96, 44])
      .matmul(input("w", [44, 20]))
      .add(input("b", [20]));
    const runtime = open(1408, { bindings: 5, isSoftware: false });
    const variants = runtime.lower(buildProgram({ out })).steps.map(({ shader }) => shader.variant);
    expect(new Set(variants)).toEqual(new Set(["tiles of 32x32"]));
    expect(await errorInParts(runtime, out)).toBeLessThan(1e-5);
  });

  test("planes of a convolution", async () => {
    const out = input("x", [1, 4, 3, 8, 8]).conv(input("w", [33, 4, 3, 3, 3]), {
      padding: [1, 1, 1].map((n) => [n, n]) as never,
    });
    expect(await errorInParts(open(256), out)).toBeLessThan(1e-5);
  });

  test("dispatches that are cut for a watchdog as well", async () => {
    const out = x.matmul(input("w", [16, 16])).tanh();
    expect(await errorInParts(open(256, { flopsPerDispatch: 1000, flopsPerSubmit: 3000 }), out)).toBeLessThan(1e-5);
  });

  test("int8 weights and their factors", async () => {
    const w = Object.assign(parameter([24, 64]), { name: "w" });
    const whole = draw("w", [24, 64]);
    const rounded = whole.data.map((value, i) =>
      i % 64 ? Math.max(-127, Math.min(127, Math.round(40 * value))) : 127,
    );
    const weights = new Map([["w", weightInMemory({ ...whole, data: Float32Array.from(rounded, (n) => n / 127) })]]);
    const out = input("x", [90, 64]).matmul(w, { transposeB: true });
    expect(await errorInParts(open(512, {}, "int8"), out, { weights })).toBeLessThan(1e-5);
  });

  test("what a workgroup needs more of than can be bound is refused by name", async () => {
    const program = buildProgram({ out: input("a", [5000]).sum() });
    await expect(open(256).compile(program)).rejects.toThrow(UnsupportedError);
    await expect(open(256).compile(program)).rejects.toThrow("sum reads and writes more at once");
  });
});

/** What every WebGPU device allows. */
const least: Partial<GpuLimits> = {
  ...{ bindingBytes: 2 ** 27, bufferBytes: 2 ** 28, bindings: 8, workgroupBytes: 16384, lanes: 256, groups: 65535 },
  ...{ f16: false, subgroups: false, packedDot: false, isSoftware: false },
};

describe("a layer of LTX-Video 2B", async () => {
  const runtime = createWebGpu(await nullGpuDevice(), { limits: least });
  const width = widthOf(ltx2b);

  test.each([25_200, 57_600])("of %i tokens with 8 bindings of 128 MiB", async (tokens) => {
    const block = new Block(ltx2b);
    mount(block);
    const [cos, sin] = ["cos", "sin"].map((name) => input(name, [tokens, width / 2])) as [Tensor, Tensor];
    const [text, mask] = [input("text", [1, 256, width]), input("mask", [1, 1, 1, 256])];
    const out = block.forward(input("x", [1, tokens, width]), input("time", [1, 1, 6, width]), {
      text,
      mask,
      rope: { cos, sin },
    });
    const { steps, values } = runtime.lower(buildProgram({ out }, { keep: runtime.keeps }));
    for (const { shader } of steps) {
      expect(shader.bindings.filter((kind) => kind !== "uniform").length).toBeLessThanOrEqual(8);
      for (const { count } of shader.windows ?? []) expect(count).toBeGreaterThan(0);
    }
    // The parts of each value cover all its workgroups in order.
    const ends = new Map<number, number>();
    for (const { shader, write } of steps) {
      expect(shader.groups[0]).toBe(ends.get(write) ?? 0);
      ends.set(write, shader.groups[1]);
    }
    expect(Math.max(...values.map(({ storage }) => storage.size))).toBe(tokens * 4 * width);
    const shaders = new Map(steps.map(({ shader, name }) => [shader.code, { shader, name }]));
    for (const { shader, name } of shaders.values()) await runtime.gpu.pipeline(shader, name);
  });
});
