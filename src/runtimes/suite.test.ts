import { describe, expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import "../kernels/index.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { tangentsOf } from "../tensor/forward.ts";
import { type Kernel, kernels, type Sample } from "../tensor/kernel.ts";
import type { OpAttributes } from "../tensor/ops.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import { gradients } from "../tensor/reverse.ts";
import { type Runtime, weightInMemory } from "../tensor/runtime.ts";
import { type OpSample, opSamples, sampleInputs } from "../tensor/samples.ts";
import { call, constant, input, parameter, type Tensor } from "../tensor/tensor.ts";
import { verify } from "../tensor/verify.ts";
import { relativeError } from "../testing/relative-error.ts";
import { webGpuForTests } from "../testing/webgpu.ts";
import { reference } from "./reference/reference.ts";

/** Runtimes that are checked against `reference`; a new one joins the whole suite by standing here. */
const [webgpu, half] = await webGpuForTests({}, { weights: "f16", between: "f16" });
const runtimes: Runtime[] = [openOrt(), ...(webgpu ? [webgpu] : [])];

type Values = Record<string, HostTensor>;

async function run(runtime: Runtime, outputs: Record<string, Tensor>, values: Values): Promise<Values> {
  const program = buildProgram(outputs, { keep: runtime.keeps });
  verify(program);
  const executable = await runtime.compile(program);
  const results = await executable.run(values);
  executable.dispose();
  return results;
}

function draw(shapes: readonly (readonly number[])[], positive = false): { inputs: Tensor[]; values: Values } {
  const values: Values = {};
  const inputs = shapes.map((shape, i) => {
    const data = gaussian(sizeOf(shape), 7, i);
    values[`x${i}`] = hostTensor(positive ? data.map((x) => Math.abs(x) + 0.5) : data, shape);
    return input(`x${i}`, shape);
  });
  return { inputs, values };
}

/** A kernel's call of a sample whose drawn operands are given. */
const callWith = (kernel: Kernel, { operands, options }: Sample<object>, drawn: readonly Tensor[]): Tensor =>
  call(kernel, operands?.(drawn) ?? drawn, options ?? {});

const keptKernels = ({ nodes }: Program): Set<string> =>
  new Set(
    nodes.flatMap(({ op, attributes }) =>
      op === "kernel" ? [(attributes as OpAttributes["kernel"]).kernel.name] : [],
    ),
  );

const ops = Object.entries(opSamples).flatMap(([op, list]: [string, readonly OpSample[]]) =>
  list.map((sample, i) => [`${op} ${i}`, sample] as const),
);

const kernelTrials = kernels().flatMap((kernel) =>
  kernel.samples.map((sample, i) => [`${kernel.name} ${i}`, kernel, sample] as const),
);

describe.each(runtimes.map((runtime) => [runtime.name, runtime] as const))("on %s", (_, runtime) => {
  test.each(ops)("%s means what the reference says", async (_, { shapes, f, positive, tolerance = 1e-5 }) => {
    const { inputs, values } = draw(shapes, positive);
    const outputs = { out: f(...inputs) };
    const all = { ...sampleInputs, ...values };
    const [got, expected] = [await run(runtime, outputs, all), await run(reference, outputs, all)];
    expect(got["out"]!.shape).toEqual(expected["out"]!.shape);
    expect(relativeError(got["out"]!.data, expected["out"]!.data)).toBeLessThan(tolerance);
  });

  test.each(ops.filter(([, sample]) => !sample.flat))(
    "the gradient of %s agrees with the reference",
    async (_, { shapes, f, positive, tolerance = 1e-5 }) => {
      const { inputs, values } = draw(shapes, positive);
      const out = f(...inputs);
      const seed = input("seed", out.shape);
      const grads = gradients(out, inputs, seed);
      const outputs = Object.fromEntries(grads.map((g, i) => [`g${i}`, g]));
      const all = { ...sampleInputs, ...values, seed: hostTensor(gaussian(sizeOf(out.shape), 8), out.shape) };
      const [got, expected] = [await run(runtime, outputs, all), await run(reference, outputs, all)];
      for (const name of Object.keys(outputs))
        expect(relativeError(got[name]!.data, expected[name]!.data)).toBeLessThan(tolerance);
    },
  );

  test.each(kernelTrials)("the kernel %s agrees with its definition", async (_, kernel, sample) => {
    const { inputs, values } = draw(sample.shapes);
    const outputs = { out: callWith(kernel, sample, inputs) };
    const kept = keptKernels(buildProgram(outputs, { keep: runtime.keeps })).has(kernel.name);
    expect(kept).toBe(kernel.fast?.[runtime.name] !== undefined);
    const [got, expected] = [await run(runtime, outputs, values), await run(reference, outputs, values)];
    expect(relativeError(got["out"]!.data, expected["out"]!.data)).toBeLessThan(kernel.tolerance.f32);
  });
});

const hasHalf = half?.gpu.limits.f16 ?? false;
if (!hasHalf) console.warn("skipped: kernels in f16, which no adapter here has");

describe.skipIf(!hasHalf)("on webgpu with f16 storage", () => {
  test.each(kernelTrials)("the kernel %s stays within its tolerance", async (_, kernel, sample) => {
    const { values } = draw(sample.shapes);
    const operands = Object.entries(values).map(([name, { shape }]) => Object.assign(parameter(shape), { name }));
    const weights = new Map(Object.entries(values).map(([name, value]) => [name, weightInMemory(value)]));
    const out = callWith(kernel, sample, operands);
    // A product by one reads the kernel's result where it was stored: results of a program are f32 themselves.
    const outputs = { out: out.reshape(...out.shape, 1).matmul(constant([1], [1, 1])) };
    const kept = buildProgram(outputs, { keep: half!.keeps });
    const stored = half!.lower(kept, { weights }).values.map(({ storage }) => storage.format);
    expect(new Set(stored.filter((format) => format !== "i32"))).toEqual(new Set(["f16x2", "f16", "f32"]));
    const results: Values[] = [];
    for (const runtime of [half!, reference]) {
      const executable = await runtime.compile(buildProgram(outputs, { keep: runtime.keeps }), { weights });
      results.push(await executable.run({}));
      executable.dispose();
    }
    const [got, expected] = results.map((result) => result["out"]!.data) as [HostTensor["data"], HostTensor["data"]];
    const error = relativeError(got, expected);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(kernel.tolerance.f16);
  });
});

/** How many of a kernel's operands gradients go to, where the others are tables. */
const trained: Partial<Record<string, number>> = { rope: 1, "rms-norm-rope": 2 };

describe("gradients of kernels", () => {
  test.each(kernelTrials)(
    "%s: reverse mode agrees with forward mode through the definition",
    async (_, kernel, sample) => {
      const { inputs, values } = draw(sample.shapes);
      const out = callWith(kernel, sample, inputs);
      const seed = input("seed", out.shape);
      const moved = inputs.slice(0, trained[kernel.name]);
      const moves = moved.map((x, i) => input(`t${i}`, x.shape));
      const [tangent] = tangentsOf([out.mul(seed).sum()], new Map(moved.map((x, i) => [x, moves[i]!])));
      const grads = gradients(out, moved, seed).map((g, i) => g.mul(moves[i]!).sum());
      const all: Values = { ...values, seed: hostTensor(gaussian(sizeOf(out.shape), 8), out.shape) };
      for (const [i, x] of moved.entries()) all[`t${i}`] = hostTensor(gaussian(sizeOf(x.shape), 9, i), x.shape);
      const got = await run(
        reference,
        { tangent: tangent!, ...Object.fromEntries(grads.map((g, i) => [`g${i}`, g])) },
        all,
      );
      const total = grads.reduce((sum, _, i) => sum + got[`g${i}`]!.data[0]!, 0);
      expect(total).toBeCloseTo(got["tangent"]!.data[0]!, 8);
    },
  );
});

describe.each([reference, ...runtimes].map((runtime) => [runtime.name, runtime] as const))(
  "state on %s",
  (_, runtime) => {
    test("an update is what the next run reads", async () => {
      const w = parameter([2]);
      w.name = "w";
      const program = buildProgram({ old: w.mul(1) }, { updates: new Map([[w, w.mul(2).add(1)]]) });
      const state = await runtime.state(new Map([["w", hostTensor([1, 3], [2])]]));
      const executable = await runtime.compile(program, { state });
      expect([...(await executable.run({}))["old"]!.data]).toEqual([1, 3]);
      expect([...(await executable.run({}))["old"]!.data]).toEqual([3, 7]);
      expect([...(await state.read("w")).data]).toEqual([7, 15]);
      await state.write("w", hostTensor([0, 0], [2]));
      expect([...(await executable.run({}))["old"]!.data]).toEqual([0, 0]);
    });
  },
);
