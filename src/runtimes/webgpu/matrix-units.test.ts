/**
 * The shaders for matrix units, run on devices without any: their matrices are lowered to plain WGSL
 * (`testing/subgroup-matrix.ts`). What is checked is their logic; that they compile as they are, `shaders.test.ts` says.
 */
import { describe, expect, test } from "vitest";
import { gaussian } from "../../base/philox.ts";
import { attention } from "../../kernels/attention.ts";
import { attentionForwardKernel, unpack } from "../../kernels/attention-forward.ts";
import { type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import { buildProgram, type Program } from "../../tensor/program.ts";
import type { Runtime } from "../../tensor/runtime.ts";
import { call, concat, fill, input, type Tensor } from "../../tensor/tensor.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { lowerSubgroupMatrices } from "../../testing/subgroup-matrix.ts";
import { webGpuForTests } from "../../testing/webgpu.ts";
import { f16ToF32, f32ToF16 } from "../../weights/half.ts";
import { reference } from "../reference/reference.ts";
import { createWebGpu, type WebGpuRuntime } from "./webgpu.ts";

const [plain] = await webGpuForTests();

/** A runtime for matrices of a side and subgroups of a size, which run as plain WGSL. */
function matrixUnits(side: number, size: number, workgroupBytes = 16384): WebGpuRuntime {
  const matrices = [{ m: side, n: side, k: side }];
  const limits = {
    isSoftware: false,
    subgroupSizes: [size, size],
    subgroupMatrices: matrices,
    workgroupBytes,
  } as const;
  const runtime = createWebGpu(plain!.gpu.device, { products: "f16", limits });
  const compile = runtime.gpu.pipeline.bind(runtime.gpu);
  runtime.gpu.pipeline = (shader, name) => compile({ ...shader, code: lowerSubgroupMatrices(shader.code, size) }, name);
  return runtime;
}

/** Numbers that f16 holds, so that rounding operands to it changes nothing. */
const draw = (name: string, shape: readonly number[], factor = 1): HostTensor =>
  hostTensor(f16ToF32(f32ToF16(gaussian(sizeOf(shape), 5, name).map((x) => x * factor))), shape);

/** Variants of all shaders of a program. */
const variantsOf = (runtime: WebGpuRuntime, out: Tensor): string[] =>
  runtime.lower(buildProgram({ out }, { keep: runtime.keeps })).steps.map(({ shader }) => shader.variant);

async function errorOf(runtime: WebGpuRuntime, out: Tensor): Promise<number> {
  const program = buildProgram({ out }, { keep: runtime.keeps });
  const feeds = Object.fromEntries(
    [...program.inputs].map(([name, at]) => [name, draw(name, program.nodes[at]!.shape)]),
  );
  const run = async (on: Runtime, what: Program) => {
    const executable = await on.compile(what);
    const { out } = await executable.run(feeds);
    executable.dispose();
    return out!.data;
  };
  return relativeError(await run(runtime, program), await run(reference, buildProgram({ out })));
}

const withGpu = describe.skipIf(!plain?.gpu.limits.f16);

withGpu("products", () => {
  const product = (a: readonly number[], b: readonly number[], transpose = {}) =>
    input("a", a)
      .matmul(input("b", b), transpose)
      .add(input("bias", [1]))
      .tanh();
  test.each([
    ["rows and columns of no tile", 16, 32, product([70, 45], [45, 67])],
    ["both turned, several sheets", 8, 32, product([2, 36, 40], [2, 44, 36], { transposeA: true, transposeB: true })],
    ["subgroups of 64", 16, 64, product([33, 64], [64, 40])],
  ] as const)("%s", async (_, side, size, out) => {
    const runtime = matrixUnits(side, size);
    expect(variantsOf(runtime, out)).toContain("matrix units, tiles of 64x64");
    expect(await errorOf(runtime, out)).toBeLessThan(1e-6);
  });

  test("of a convolution", async () => {
    const padding = [1, 1, 1].map((n) => [n, n] as const);
    const out = input("x", [1, 3, 3, 5, 6]).conv(input("w", [33, 3, 3, 3, 3]), { stride: [1, 1, 1], padding });
    const runtime = matrixUnits(16, 32);
    expect(variantsOf(runtime, out)).toContain("matrix units, tiles of 64x64");
    expect(await errorOf(runtime, out)).toBeLessThan(1e-6);
  });
});

interface Trial {
  readonly width: number;
  /** Batch, queries, keys. */
  readonly sizes: readonly [number, number, number];
  readonly side?: number;
  readonly size?: number;
  readonly workgroupBytes?: number;
  readonly bias?: Tensor;
  readonly variant?: string;
}

/** Logits that outgrow earlier ones again and again, and a query that sees nothing in particular. */
const wild = concat([input("bias", [1, 2, 34, 40]).mul(30), fill(-10_000, [1, 2, 1, 40])], 2);

const trials: Record<string, Trial> = {
  "to itself, ragged": { width: 64, sizes: [2, 37, 37] },
  "to a masked text": { width: 128, sizes: [2, 17, 33], bias: input("bias", [2, 1, 1, 33]) },
  "in a large tile": {
    width: 64,
    sizes: [1, 35, 40],
    workgroupBytes: 32768,
    bias: wild,
    variant: "matrix units, streaming, 64 queries by 32 keys",
  },
  "by subgroups of 64, matrices of 8": { width: 64, sizes: [1, 17, 70], size: 64, side: 8 },
};

withGpu("attention", () => {
  const operands = (width: number, [batch, rows, keys]: readonly [number, number, number]) =>
    [rows, keys, keys].map((n, i) => input(`qkv${i}`, [batch, n, 2 * width])) as [Tensor, Tensor, Tensor];

  test.each(Object.entries(trials))("%s", async (_, { width, sizes, side = 16, size = 32, ...trial }) => {
    const { bias, workgroupBytes, variant = "matrix units, streaming, 32 queries by 32 keys" } = trial;
    const out = attention(...operands(width, sizes), { heads: 2, scale: width ** -0.5, ...(bias ? { bias } : {}) });
    const runtime = matrixUnits(side, size, workgroupBytes);
    expect(variantsOf(runtime, out)).toContain(variant);
    expect(await errorOf(runtime, out)).toBeLessThan(1e-3);
  });

  test("with the log-sums that gradients want", async () => {
    const [q, k, v] = operands(64, [1, 20, 35]);
    const options = { heads: 2, scale: 0.5 };
    const [, logSums] = unpack(call(attentionForwardKernel, [q, k, v], options), q, options);
    const runtime = matrixUnits(16, 32);
    expect(variantsOf(runtime, logSums)[0]).toMatch(/^matrix units, streaming/);
    expect(await errorOf(runtime, logSums)).toBeLessThan(1e-3);
  });

  test("goes without where heads, rows or subgroups are not made for matrices, and where nobody asked", () => {
    const [q, k, v] = operands(64, [1, 40, 40]);
    const mixed = (heads: number) => attention(q, k, v, { heads, scale: 1 });
    const few = attention(...operands(64, [1, 16, 40]), { heads: 2, scale: 1 });
    const runtime = matrixUnits(16, 32);
    expect(variantsOf(runtime, mixed(2))[0]).toMatch(/^matrix units/);
    expect(variantsOf(runtime, mixed(4))[0]).toMatch(/^streaming/);
    expect(variantsOf(runtime, few)[0]).toMatch(/^streaming/);
    expect(variantsOf(matrixUnits(16, 8), mixed(2))[0]).toMatch(/^streaming/);
    const limits = { ...runtime.gpu.limits };
    expect(variantsOf(createWebGpu(plain!.gpu.device, { limits }), mixed(2))[0]).toMatch(/^streaming/);
  });
});
