/** How a kernel says what it is in WGSL: the small vocabulary shared with the `webgpu` runtime. */
import type { DType, Shape } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a device allows, as far as kernels choose by it. */
export interface WgslDevice {
  /** Whether `f16` may be used in shaders. */
  readonly f16: boolean;
  /** Sizes of subgroups, where there are any. */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Matrix shapes that subgroups multiply at once, f16 operands into an f32 sum; empty where that was not asked for. */
  readonly subgroupMatrices: readonly { readonly m: number; readonly n: number; readonly k: number }[];
  /** Whether WGSL multiplies four bytes a word at once (`packed_4x8_integer_dot_product`). */
  readonly packedDot: boolean;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
  /** Invocations of a workgroup. */
  readonly lanes: number;
  /** Emulated on a CPU: barriers and long shaders cost more there than reading memory twice. */
  readonly isSoftware: boolean;
}

export interface WgslValue {
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * A compute shader without its bindings. The runtime writes these around it:
 * - `load0(i: u32)`, `load1`, …: element `i` of an operand in row-major order (f32 for every float, i32, bool), and
 *   `load0x4(i)` the four from `i` on, a multiple of 4, as a vec4;
 * - `store(i: u32, value)`: element `i` of the result, with whatever is fused behind it;
 * - a `main` that calls `work(group, lane)` with `group` below `groups` and `lane` below `lanes`.
 */
export interface WgslKernel {
  /** Names the variant, for plans and errors. */
  readonly variant: string;
  /** Declarations, among them `fn work(group: u32, lane: u32)`. */
  readonly code: string;
  readonly lanes: number;
  readonly groups: number;
  /** WGSL extensions that it needs. */
  readonly enable?: readonly string[];
  /** Diagnostics to be turned off. */
  readonly diagnostics?: readonly string[];
}

/** A kernel's form for WebGPU (`fast.webgpu`). */
export interface WebGpuForm<O> {
  /** Where it applies; elsewhere the definition runs. */
  readonly supports?: (device: WgslDevice, inputs: readonly Tensor[], options: O) => boolean;
  readonly build: (device: WgslDevice, inputs: readonly WgslValue[], options: O, out: WgslValue) => WgslKernel;
}

export const webGpuForm = <O>(form: WebGpuForm<O>): WebGpuForm<O> => form;

/** Joins what `body` writes for 0 … count - 1. */
export const unroll = (count: number, body: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => body(i)).join("\n");

/** A WGSL literal of an f32. Infinities, which WGSL cannot write, become the largest numbers. */
export function f32Literal(value: number): string {
  const largest = 3.4028234663852886e38;
  const near = Math.fround(Math.min(largest, Math.max(-largest, value)));
  const text = Object.is(near, -0) ? "-0" : String(near);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
