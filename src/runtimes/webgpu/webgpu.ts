/**
 * Programs on a GPU: fused compute shaders over a `GPUDevice` that the platform hands in (Dawn's in Node,
 * `navigator.gpu`'s in a page).
 */
import type { WebGpuForm } from "../../kernels/wgsl.ts";
import type { Program } from "../../tensor/program.ts";
import type { CompileOptions, Runtime } from "../../tensor/runtime.ts";
import { makeExecutable } from "./executable.ts";
import { type DeviceBytes, deviceBytes } from "./footprint.ts";
import { Gpu } from "./gpu.ts";
import type { GpuLimits } from "./limits.ts";
import { type Lowered, lower } from "./lower.ts";
import { WebGpuState } from "./state.ts";
import { WeightMemory, type WeightPrecision, weightFormat } from "./weights.ts";

export interface WebGpuOptions {
  /** What weights are kept as; `file` by default. State that programs update is always f32. */
  readonly weights?: WeightPrecision;
  /** What values between shaders are kept as; arithmetic is f32 either way. `f16` needs the device feature. */
  readonly between?: "f32" | "f16";
  /**
   * What matrix products and attention multiply: `f16` rounds operands for the matrix units of devices that list them, with
   * f32 sums. Its shaders compile in Dawn but have not run on such a device yet.
   */
  readonly products?: "f32" | "f16";
  /** What WGSL knows here beyond its core (`gpu.wgslLanguageFeatures`), as the adapter's description has it. */
  readonly language?: ReadonlySet<string>;
  /** Smaller limits than the device's, to see what a weaker one does. */
  readonly limits?: Partial<GpuLimits>;
}

export interface WebGpuRuntime extends Runtime {
  readonly gpu: Gpu;
  /** The shaders of a program, compiled by nobody: for snapshots and plans. */
  lower(program: Program, options?: CompileOptions): Lowered;
  /** What a program takes of the device's memory. @throws UnsupportedError where its limits are too small for one */
  bytesOf(program: Program, options?: CompileOptions): DeviceBytes;
}

export const isWebGpu = (runtime: Runtime): runtime is WebGpuRuntime => runtime.name === "webgpu";

/** A runtime over a device. The caller opens the device, with all limits and features that it wants used. */
export function createWebGpu(device: GPUDevice, options: WebGpuOptions = {}): WebGpuRuntime {
  const packedDot = options.language?.has("packed_4x8_integer_dot_product") ?? false;
  const gpu = new Gpu(device, { packedDot, ...options.limits }, options.products);
  const memory = new WeightMemory(gpu);
  const { weights: precision = "file", between = "f32" } = options;
  const lowerFor = (program: Program, { weights, state }: CompileOptions = {}): Lowered => {
    const held = new Set(state?.names);
    return lower(program, {
      device: gpu.wgsl,
      bindings: gpu.limits.bindings,
      flopsPerDispatch: gpu.limits.flopsPerDispatch,
      chunk: (format) => gpu.chunk(format),
      weightFormat: ({ name, shape }) => {
        const source = held.has(name!) ? undefined : weights?.get(name!);
        return source ? weightFormat(source, shape, precision) : "f32";
      },
      between: between === "f16" && gpu.limits.f16 ? "f16" : "f32",
    });
  };
  return {
    name: "webgpu",
    gpu,
    keeps(kernel, node) {
      const form = kernel.fast?.["webgpu"] as WebGpuForm<unknown> | undefined;
      if (!form) return false;
      return form.supports?.(gpu.wgsl, node.inputs, (node.attributes as { options: unknown }).options) ?? true;
    },
    lower: lowerFor,
    bytesOf: (program, compileOptions) => deviceBytes(lowerFor(program, compileOptions)),
    state: (initial) => WebGpuState.create(gpu, initial),
    compile: async (program, compileOptions = {}) =>
      makeExecutable(gpu, memory, lowerFor(program, compileOptions), compileOptions),
  };
}
