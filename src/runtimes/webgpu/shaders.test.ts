/** The shaders of typical programs, kept as text, and checked by Dawn's compiler on a device that computes nothing. */
import { expect, test } from "vitest";
import { gelu } from "../../kernels/activations.ts";
import { attention } from "../../kernels/attention.ts";
import { linear } from "../../kernels/linear.ts";
import { layerNorm, pixelNorm, rmsNorm } from "../../kernels/norms.ts";
import { rmsNormRope } from "../../kernels/rms-norm-rope.ts";
import { rope } from "../../kernels/rope.ts";
import { softmax } from "../../kernels/softmax.ts";
import { Conv3d } from "../../nn/conv3d.ts";
import { Int8Linear } from "../../nn/int8-linear.ts";
import { Linear } from "../../nn/linear.ts";
import { modulate } from "../../nn/norm.ts";
import { mount } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import { gradients } from "../../tensor/reverse.ts";
import { type Weights, weightInMemory } from "../../tensor/runtime.ts";
import { input, parameter, type Tensor } from "../../tensor/tensor.ts";
import { nullGpuDevice } from "../../testing/webgpu.ts";
import { adam, adamDefaults } from "../../training/optimiser.ts";
import type { GpuLimits } from "./limits.ts";
import { createWebGpu, type WebGpuOptions } from "./webgpu.ts";

/** A graphics card with what every WebGPU device allows, and f16 and subgroups. */
const card: GpuLimits = {
  bindingBytes: 2 ** 31 - 4,
  bufferBytes: 2 ** 32,
  bindings: 10,
  workgroupBytes: 16384,
  lanes: 256,
  groups: 65535,
  f16: true,
  subgroups: true,
  packedDot: true,
  isSoftware: false,
  subgroupSizes: [32, 32],
  subgroupMatrices: [{ m: 16, n: 16, k: 16 }],
  flopsPerDispatch: 1e15,
  flopsPerSubmit: 1e15,
};
const device = await nullGpuDevice();

const [batch, tokens, width] = [1, 3570, 2048] as const;
const x = input("x", [batch, tokens, width]);
const vector = (name: string) => input(name, [batch, 1, width]);
const named = (name: string, shape: readonly number[]) => Object.assign(parameter(shape), { name });
const video = (channels: number) => input("video", [1, channels, 9, 34, 60]);
const qkv = (heads: number) =>
  ["q", "k", "v"].map((name) => input(name, [1, tokens, heads * 64])) as [Tensor, Tensor, Tensor];

const bf16 = (shape: readonly number[]): Weights =>
  new Map([["weight", weightInMemory({ dtype: "bf16", shape, data: new Uint16Array(0) })]]);

interface Example {
  readonly outputs: () => Record<string, Tensor>;
  readonly options?: WebGpuOptions;
  readonly limits?: Partial<GpuLimits>;
  readonly weights?: Weights;
  readonly updates?: () => ReadonlyMap<Tensor, Tensor>;
}

const examples: Record<string, Example> = {
  "elementwise chain": { outputs: () => ({ out: gelu(x).mul(vector("gate")).add(x) }) },
  "linear with bias, GELU, gate and residual": {
    outputs: () => {
      const y = gelu(linear(x, named("weight", [width, width]), named("bias", [width])));
      return { out: y.mul(vector("gate")).add(x) };
    },
  },
  "linear of packed bf16 weights": {
    outputs: () => ({ out: linear(x, named("weight", [64, width])) }),
    weights: bf16([64, width]),
  },
  "linear of int8 weights": {
    outputs: () => ({ out: linear(x, named("weight", [64, width])) }),
    options: { weights: "int8" },
    weights: bf16([64, width]),
  },
  "linear between f16 values": {
    outputs: () => ({
      out: linear(x.tanh(), named("weight", [width, width]))
        .tanh()
        .sum(),
    }),
    options: { between: "f16" },
  },
  "linear in 8 bits": {
    outputs: () => {
      const weight = new Int8Linear(new Linear(width, 64));
      mount(weight);
      return { out: gelu(weight.forward(x)) };
    },
  },
  "linear on matrix units": {
    outputs: () => ({ out: gelu(linear(x, named("weight", [width, width]), named("bias", [width]))) }),
    options: { products: "f16" },
  },
  "norm and modulation": {
    outputs: () => ({ out: modulate(rmsNorm(x, { epsilon: 1e-6 }), vector("shift"), vector("scale")) }),
  },
  "layer norm": { outputs: () => ({ out: layerNorm(x, { epsilon: 1e-6 }) }) },
  "rotary embedding": {
    outputs: () => ({
      out: rope(x, { cos: input("cos", [tokens, width / 2]), sin: input("sin", [tokens, width / 2]) }),
    }),
  },
  "norm and rotary embedding": {
    outputs: () => {
      const table = { cos: input("cos", [tokens, width / 2]), sin: input("sin", [tokens, width / 2]) };
      return { out: rmsNormRope(x, { weight: named("weight", [width]), epsilon: 1e-5, ...table }) };
    },
  },
  "norm and rotary embedding by heads": {
    outputs: () => {
      const table = { cos: input("cos", [tokens, 64]), sin: input("sin", [tokens, 64]) };
      return { out: rmsNormRope(x, { weight: named("weight", [128]), epsilon: 1e-6, ...table }).tanh() };
    },
    options: { between: "f16" },
  },
  softmax: { outputs: () => ({ out: softmax(x) }) },
  "attention with a mask": {
    outputs: () => {
      const [q, k, v] = qkv(32);
      return { out: attention(q, k, v, { heads: 32, scale: 0.125, bias: input("mask", [1, 1, 1, tokens]) }) };
    },
  },
  "attention on matrix units": {
    outputs: () => {
      const [q, k, v] = qkv(32);
      return { out: attention(q, k, v, { heads: 32, scale: 0.125, bias: input("mask", [1, 1, 1, tokens]) }) };
    },
    options: { products: "f16" },
    limits: { subgroupSizes: [64, 64] }, // the null device wants 128 lanes at least
  },
  "gradients of attention with a mask": {
    outputs: () => {
      const [q, k, v] = qkv(32);
      const mixed = attention(q, k, v, { heads: 32, scale: 0.125, bias: input("mask", [1, 1, 1, tokens]) });
      const [query, key, value] = gradients(mixed, [q, k, v], input("g", mixed.shape)) as [Tensor, Tensor, Tensor];
      return { query, key, value };
    },
  },
  "causal convolution": {
    outputs: () => {
      const conv = new Conv3d(128, 128);
      conv.weight.name = "weight";
      conv.bias.name = "bias";
      return { out: conv.forward(video(128), { causal: true }) };
    },
  },
  "pixel norm": { outputs: () => ({ out: pixelNorm(video(128)) }) },
  "step of Adam": {
    outputs: () => ({
      loss: input("y", [64, 32])
        .matmul(named("w", [32, 8]))
        .square()
        .mean(),
    }),
    updates: () => {
      const w = named("w", [32, 8]);
      const loss = input("y", [64, 32]).matmul(w).square().mean();
      return adam([w], gradients(loss, [w]), adamDefaults).updates;
    },
  },
};

test.each(Object.entries(examples))("%s", async (name, { outputs, options, limits, weights, updates }) => {
  const runtime = createWebGpu(device, { ...options, limits: { ...card, ...limits } });
  const program = buildProgram(updates ? {} : outputs(), {
    keep: runtime.keeps,
    ...(updates ? { updates: updates() } : {}),
  });
  const { steps } = runtime.lower(program, weights ? { weights } : {});
  for (const step of steps) await runtime.gpu.pipeline(step.shader, step.name);
  const text = steps.map(
    (step) => `// ${step.name}: ${step.shader.variant}, ${step.shader.groups[1]} groups\n${step.shader.code}\n`,
  );
  await expect(text.join("\n")).toMatchFileSnapshot(`snapshots/${name.replace(/[ ,]+/g, "-")}.wgsl`);
});
