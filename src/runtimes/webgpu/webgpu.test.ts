import { describe, expect, test } from "vitest";
import { DeviceLostError, UnsupportedError } from "../../base/errors.ts";
import { gaussian } from "../../base/philox.ts";
import { attention } from "../../kernels/attention.ts";
import { webGpuForm } from "../../kernels/wgsl.ts";
import { hunyuanVideo } from "../../models/hunyuan/config.ts";
import { Projections } from "../../models/hunyuan/layers.ts";
import { Attention } from "../../nn/attention.ts";
import { findAdapter, openGpuDevice } from "../../platform/node/devices/webgpu.ts";
import { type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import type { Kernel } from "../../tensor/kernel.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram, type Program } from "../../tensor/program.ts";
import { gradients } from "../../tensor/reverse.ts";
import { type CompileOptions, type Runtime, weightInMemory } from "../../tensor/runtime.ts";
import { call, concat, constant, fill, input, parameter, type Tensor } from "../../tensor/tensor.ts";
import { randomProgram } from "../../testing/random-program.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { webGpuForTests } from "../../testing/webgpu.ts";
import { reference } from "../reference/reference.ts";
import type { GpuLimits } from "./limits.ts";
import { createWebGpu, type WebGpuOptions, type WebGpuRuntime } from "./webgpu.ts";

type Three = [Tensor, Tensor, Tensor];

/** As little as a device may have, so that small tensors already need several bindings, buffers and dispatches. */
const narrow: Partial<GpuLimits> = {
  bindingBytes: 1024,
  bufferBytes: 2048,
  groups: 3,
  flopsPerDispatch: 1000,
  flopsPerSubmit: 3000,
};
/** Software adapters get simple shaders; these tests want the ones for GPUs. */
const isSoftware = false;
const [plain, cut, scarce] = await webGpuForTests(
  { limits: { isSoftware } },
  { limits: { ...narrow, isSoftware } },
  { limits: { ...narrow, bindingBytes: 512, bufferBytes: 512, bindings: 4, isSoftware } },
);
const withGpu = describe.skipIf(!plain);
/** The runtime of these options, on a device that tests share. */
const open = (options: WebGpuOptions): WebGpuRuntime => createWebGpu(plain!.gpu.device, options);

const draw = (name: string, shape: readonly number[]): HostTensor =>
  hostTensor(gaussian(sizeOf(shape), 5, name), shape);

async function run(runtime: Runtime, program: Program, options: CompileOptions = {}) {
  const executable = await runtime.compile(program, options);
  const feeds = Object.fromEntries(
    [...program.inputs].map(([name, at]) => [name, draw(name, program.nodes[at]!.shape)]),
  );
  const results = await executable.run(feeds);
  executable.dispose();
  return results;
}

async function errorOf(runtime: Runtime, program: Program, options?: CompileOptions): Promise<number> {
  const [got, expected] = [await run(runtime, program, options), await run(reference, program, options)];
  return Math.max(...Object.keys(expected).map((name) => relativeError(got[name]!.data, expected[name]!.data)));
}

const product = (a: readonly number[], b: readonly number[], transpose = {}) =>
  buildProgram({
    out: input("a", a)
      .matmul(input("b", b), transpose)
      .mul(input("gate", [1]))
      .add(1),
  });

withGpu("tiles", () => {
  test.each([
    ["tiles of 8x64", product([3, 70], [70, 200])],
    ["tiles of 32x32", product([40, 44], [44, 36])],
    ["tiles of 32x32", product([2, 40, 45], [45, 37])],
    ["tiles of 32x32", product([2, 44, 40], [2, 36, 44], { transposeA: true, transposeB: true })],
    ["tiles of 64x64", product([260, 8], [8, 258])],
    ["tiles of 128x128", product([1030, 3], [3, 900])],
    ["tiles of 8x64 in 4 parts", product([5, 2050], [2050, 20])],
  ])("%s", async (variant, program) => {
    expect(plain!.lower(program).steps[0]!.shader.variant).toBe(variant);
    expect(await errorOf(plain!, program)).toBeLessThan(1e-5);
  });

  test("of a convolution, in one shader with what follows it", async () => {
    const y = input("x", [2, 5, 4, 6, 7]).conv(input("w", [33, 5, 3, 3, 3]), {
      stride: [1, 2, 1],
      padding: [
        [2, 0],
        [1, 1],
        [1, 1],
      ],
    });
    const program = buildProgram({ out: y.add(input("bias", [33, 1, 1, 1])).tanh() });
    expect(plain!.lower(program).steps.length).toBe(1);
    expect(await errorOf(plain!, program)).toBeLessThan(1e-5);
  });
});

withGpu("long sums", () => {
  test.each([
    [[20_000, 3], 0],
    [[3, 20_000], 1],
    [
      [150, 7, 100],
      [0, 2],
    ],
  ] as const)("%j over %j", async (shape, axes) => {
    const program = buildProgram({ out: input("x", shape).square().sum(axes).sqrt() });
    expect(plain!.lower(program).steps.length).toBe(2);
    expect(await errorOf(plain!, program)).toBeLessThan(1e-5);
  });
});

withGpu("streaming attention", () => {
  test.each([
    [64, 37, 41, [1, 2, 37, 41]],
    [128, 70, 5, [2, 1, 1, 5]],
    [20, 3, 100, undefined],
  ])("heads of %i, %i queries, %i keys, bias %j", async (width, rows, keys, mask) => {
    const [q, k, v] = [rows, keys, keys].map((n, i) => input(`qkv${i}`, [2, n, 2 * width])) as [Tensor, Tensor, Tensor];
    const bias = mask && input("bias", mask);
    const mixed = attention(q, k, v, { heads: 2, scale: width ** -0.5, ...(bias ? { bias } : {}) });
    const [kept, expanded] = [plain!.keeps, () => false].map((keep) => buildProgram({ out: mixed.add(q) }, { keep }));
    expect(plain!.lower(kept!).steps.map(({ shader }) => shader.variant)).toEqual([
      expect.stringMatching(/^streaming/),
    ]);
    const [got, expected] = [await run(plain!, kept!), await run(reference, expanded!)];
    expect(relativeError(got["out"]!.data, expected["out"]!.data)).toBeLessThan(1e-5);
  });
});

withGpu("queries and keys are normalised and turned in one shader each", () => {
  const x = input("x", [2, 5, 16]);
  const table = (pairs: number) => ({ cos: input("cos", [5, pairs]), sin: input("sin", [5, pairs]) });
  const [whole, heads] = [
    mount(new Attention({ width: 16, heads: 2 })),
    mount(new Projections({ ...hunyuanVideo, heads: 2, headWidth: 8 })),
  ];
  test.each([
    ["over the whole width", whole, () => [whole.forward(x, { rope: table(8) })]],
    ["by heads", heads, () => heads.forward(x, table(4))],
  ] as const)("%s", async (_, layer, forward) => {
    const own = open({}); // simple shaders around: they are compiled faster
    const outputs = Object.fromEntries(forward().map((out, i) => [`out${i}`, out]));
    const [kept, expanded] = [own.keeps, () => false].map((keep) => buildProgram(outputs, { keep }));
    const drawn = [...parametersOf(layer)].map(
      ([name, { shape }]) => [name, weightInMemory(draw(name, shape))] as const,
    );
    const weights = new Map(drawn);
    const { steps } = own.lower(kept!, { weights });
    const rows = steps.filter(({ shader }) => shader.variant === "a workgroup a row");
    expect(rows.map(({ name }) => name)).toEqual(["queryNorm rms-norm-rope", "keyNorm rms-norm-rope"]);
    expect(steps.length).toBe(layer === whole ? 7 : 5); // the others are products, and attention
    const [got, expected] = [await run(own, kept!, { weights }), await run(reference, expanded!, { weights })];
    for (const name of Object.keys(outputs))
      expect(relativeError(got[name]!.data, expected[name]!.data)).toBeLessThan(1e-5);
  });
});

withGpu("gradients of streaming attention", () => {
  // The last row of queries is masked all over in the last trial.
  test.each([
    [12, 9, 10, "16 queries by 16", "16 keys by 16", 1],
    [4, 3, 5, "8 queries by 8", "8 keys by 8", -10000],
  ] as const)("heads of %i, %i queries, %i keys", async (width, rows, keys, ownQueries, ownKeys, mask) => {
    const [q, k, v] = [rows, keys, keys].map((n, i) => input(`qkv${i}`, [1, n, width])) as Three;
    const bias = concat([input("bias", [1, 1, rows - 1, keys]), fill(mask, [1, 1, 1, keys])], 2);
    const mixed = attention(q, k, v, { heads: 1, scale: width ** -0.5, bias });
    const [gQuery, gKey, gValue] = gradients(mixed, [q, k, v], input("g", mixed.shape)) as Three;
    const outputs = { mixed, gQuery, gKey, gValue };
    const [kept, expanded] = [plain!.keeps, () => false].map((keep) => buildProgram(outputs, { keep }));
    const variants = plain!.lower(kept!).steps.map(({ shader }) => shader.variant);
    expect(variants).toEqual(expect.arrayContaining([`streaming, ${ownQueries}`, `streaming, ${ownKeys}`]));
    const [got, expected] = [await run(plain!, kept!), await run(reference, expanded!)];
    // Logits of -10,000 have three decimals.
    for (const name of Object.keys(outputs))
      expect(relativeError(got[name]!.data, expected[name]!.data), name).toBeLessThan(mask < 0 ? 1e-3 : 1e-5);
  });
});

withGpu("random programs", () => {
  test.each([1, 2, 3, 4, 5, 6])("mean what the reference says: %i", async (seed) => {
    const program = randomProgram(seed, 24);
    const weight = draw("weight", [8, 8]);
    const after = async (runtime: Runtime) => {
      const state = await runtime.state(new Map([["weight", { ...weight, data: weight.data.map((x) => x / 4) }]]));
      const results = await run(runtime, program, { state });
      return { ...results, state: await state.read("weight") };
    };
    const expected = await after(reference);
    for (const runtime of [plain!, cut!, scarce!]) {
      const got: Record<string, HostTensor> = await after(runtime);
      for (const [name, { data }] of Object.entries(expected))
        expect(relativeError(got[name]!.data, data), name).toBeLessThan(1e-4);
    }
  });
});

withGpu("results that nothing computes", () => {
  test("are handed out all the same", async () => {
    const x = input("x", [2, 3]);
    const table = constant([1, 2, 3, 4, 5, 6], [3, 2]);
    const program = buildProgram({ x, shaped: x.reshape(3, 2), table, turned: table.permute(1, 0), one: fill(1, [4]) });
    expect(await errorOf(plain!, program)).toBe(0);
  });

  test("swap two states", async () => {
    const [a, b] = ["a", "b"].map((name) => Object.assign(parameter([2]), { name })) as [Tensor, Tensor];
    const program = buildProgram(
      { a },
      {
        updates: new Map([
          [a, b],
          [b, a],
        ]),
      },
    );
    const state = await plain!.state(
      new Map([
        ["a", hostTensor([1, 2], [2])],
        ["b", hostTensor([3, 4], [2])],
      ]),
    );
    const executable = await plain!.compile(program, { state });
    expect([...(await executable.run({}))["a"]!.data]).toEqual([1, 2]);
    expect([...(await state.read("a")).data, ...(await state.read("b")).data]).toEqual([3, 4, 1, 2]);
  });
});

withGpu("limits", () => {
  test("tensors beyond a binding and a buffer are read and written in pieces, long dispatches cut", async () => {
    const a = input("a", [12, 44]);
    const joined = concat([a, a.neg(), a.exp()], 0);
    const out = joined.matmul(input("b", [44, 12])).add(input("bias", [12]));
    const program = buildProgram({ out, sum: joined.sum(0) });
    const [first] = cut!.lower(program).steps.filter(({ shader }) => shader.bindings.at(-1) === "uniform");
    expect(first!.shader.bindings.length).toBeGreaterThan(5);
    expect(await errorOf(cut!, program)).toBeLessThan(1e-5);
  });

  test("what a device lacks is in no shader, whatever is asked for", async () => {
    const lacking = { isSoftware, f16: false, subgroups: false, packedDot: false };
    const asked = { weights: "int8", between: "f16", products: "f16" } as const;
    const matrices = { subgroupSizes: [32, 32], subgroupMatrices: [{ m: 16, n: 16, k: 16 }] } as const;
    const [q, k, v] = [0, 1, 2].map((i) => input(`x${i}`, [1, 40, 128]).tanh()) as Three;
    const w = Object.assign(parameter([128, 128]), { name: "w" });
    const product = k.matmul(w);
    const mixed = attention(q, product, v, { heads: 2, scale: 0.1 });
    const weights = new Map([["w", weightInMemory(draw("w", [128, 128]))]]);
    const textFor = (runtime: WebGpuRuntime) =>
      runtime
        .lower(buildProgram({ out: mixed.exp() }, { keep: runtime.keeps }), { weights })
        .steps.map(({ shader }) => shader.code)
        .join();
    const words = /\bf16\b|subgroup|unpack4x|dot4I8/;
    expect(textFor(open({ ...asked, limits: { isSoftware, f16: true, subgroups: true, ...matrices } }))).toMatch(words);
    const lean = open({ ...asked, limits: { ...matrices, ...lacking } });
    expect(textFor(lean)).not.toMatch(words);
    expect(await errorOf(lean, buildProgram({ out: product }), { weights })).toBeLessThan(2e-2);
  });
});

/** x W + b with a wide spread of weights. */
const dense = () => {
  const [w, b] = [parameter([24, 64]), parameter([24])];
  Object.assign(w, { name: "w" });
  Object.assign(b, { name: "b" });
  const x = input("x", [9, 64]);
  const hidden = x.matmul(w, { transposeB: true }).add(b).tanh();
  return buildProgram({ out: hidden.matmul(w).mul(0.2) });
};
const weights = new Map(
  [draw("w", [24, 64]), draw("b", [24])].map((value, i) => [["w", "b"][i]!, weightInMemory(value)]),
);

withGpu("precision", () => {
  test.each<[WebGpuOptions, number, number]>([
    [{ weights: "f16" }, 1e-5, 1e-3],
    [{ weights: "bf16" }, 1e-4, 6e-3],
    [{ weights: "int8" }, 1e-4, 2e-2],
    [{ between: "f16" }, 1e-5, 1e-3],
  ])("%j", async (options, least, most) => {
    const error = await errorOf(open(options), dense(), { weights });
    expect(error).toBeGreaterThan(least);
    expect(error).toBeLessThan(most);
  });

  test.each([
    ["unpack4xI8(", ["packed_4x8_integer_dot_product"]],
    [" >> ", []],
  ])("int8 weights are unpacked by %s where WGSL knows %j", async (how, language) => {
    const runtime = open({ weights: "int8", language: new Set(language) });
    const codes = runtime.lower(dense(), { weights }).steps.map(({ shader }) => shader.code);
    expect(codes.some((code) => code.includes(how))).toBe(true);
    expect(codes.some((code) => code.includes("unpack4xI8"))).toBe(language.length > 0);
    expect(await errorOf(runtime, dense(), { weights })).toBeLessThan(2e-2);
  });

  test("narrow weights of a file lose nothing", async () => {
    const narrowed = new Map(
      ["w", "b"].map((name) => {
        const { shape, data } = draw(name, name === "w" ? [24, 64] : [24]);
        const bits = Uint16Array.from(data, (x) => new Uint32Array(Float32Array.of(x).buffer)[0]! >>> 16);
        return [name, weightInMemory({ dtype: "bf16", shape, data: bits })];
      }),
    );
    expect(await errorOf(plain!, dense(), { weights: narrowed })).toBeLessThan(1e-6);
  });

  test("a weight that is a result comes whole", async () => {
    const w = Object.assign(parameter([24, 64]), { name: "w" });
    const narrowed = new Map([
      ["w", weightInMemory({ dtype: "bf16", shape: [24, 64], data: new Uint16Array(1536).fill(0x3fc0) })],
    ]);
    expect(await errorOf(plain!, buildProgram({ w, sum: w.sum() }), { weights: narrowed })).toBe(0);
  });

  test.each<WebGpuOptions>([{}, { weights: "int8", between: "f16" }])(
    "takes the bytes that a plan says: %j",
    async (options) => {
      const runtime = createWebGpu(plain!.gpu.device, options);
      const { weights: held, values } = runtime.bytesOf(dense(), { weights });
      const executable = await runtime.compile(dense(), { weights });
      expect(runtime.gpu.heldBytes).toBe(held + values);
      expect(held).toBeGreaterThan(24 * 64);
      executable.dispose();
    },
  );

  test("weights that several programs use are held once", async () => {
    const before = plain!.gpu.heldBytes;
    const one = await plain!.compile(dense(), { weights });
    const alone = plain!.gpu.heldBytes - before;
    const two = await plain!.compile(dense(), { weights });
    expect(plain!.gpu.heldBytes - before).toBeLessThan(2 * alone - 24 * 64 * 4);
    one.dispose();
    two.dispose();
    await new Promise(setImmediate);
    expect(plain!.gpu.heldBytes).toBe(before);
  });
});

withGpu("failures", () => {
  test("a shader that does not compile is an error with the kernel's name", async () => {
    const kernel: Kernel<object> = {
      name: "broken",
      definition: ([x]) => x!.exp(),
      samples: [],
      tolerance: { f32: 0, f16: 0 },
      fast: { webgpu: webGpuForm({ build: () => ({ variant: "", code: "fn work(oops", lanes: 1, groups: 1 }) }) },
    };
    const made: Tensor = call(kernel, [input("x", [3])], {});
    const program = buildProgram({ out: made }, { keep: plain!.keeps });
    await expect(plain!.compile(program)).rejects.toThrow(UnsupportedError);
    await expect(plain!.compile(program)).rejects.toThrow("the shader of broken does not compile: line ");
  });

  test("a lost device is an error of its own, before a run and in it", async () => {
    const device = await openGpuDevice((await findAdapter())!);
    const runtime = createWebGpu(device);
    const program = buildProgram({ out: input("x", [3]).exp() });
    const executable = await runtime.compile(program);
    const running = executable.run({ x: draw("x", [3]) });
    device.destroy();
    await expect(running).rejects.toThrow(DeviceLostError);
    await expect(executable.run({ x: draw("x", [3]) })).rejects.toThrow(DeviceLostError);
    await expect(runtime.compile(program)).rejects.toThrow(DeviceLostError);
  });
});
