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

/** Elements of a value in row-major order, from the first up to but not with the second. */
export type Span = readonly [from: number, to: number];

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
  /** Elements of the result that some successive workgroups store; any, where it is not said. */
  readonly stores?: ((groups: Span) => Span) | undefined;
}

/** A kernel's form for WebGPU (`fast.webgpu`). */
export interface WebGpuForm<O> {
  /** Where it applies; elsewhere the definition runs. */
  readonly supports?: (device: WgslDevice, inputs: readonly Tensor[], options: O) => boolean;
  readonly build: (device: WgslDevice, inputs: readonly WgslValue[], options: O, out: WgslValue) => WgslKernel;
  /** Elements of each operand that some of the result need; all, where it is not said. */
  readonly needs?: (inputs: readonly WgslValue[], options: O, stored: Span) => readonly (Span | undefined)[];
}

export const webGpuForm = <O>(form: WebGpuForm<O>): WebGpuForm<O> => form;

/**
 * What workgroups store of [sheets, rows, columns] where `across` of them in succession fill a band of rows, and bands follow
 * one another down a sheet.
 */
export function inBands(rows: number, columns: number, band: number, across = 1): (groups: Span) => Span {
  const down = Math.ceil(rows / band);
  const start = (at: number) => (Math.floor(at / down) * rows + Math.min(rows, (at % down) * band)) * columns;
  return ([first, last]) => [start(Math.floor(first / across)), start(Math.ceil(last / across))];
}

/** The span to whole runs of `width` elements, in units of them. */
export const runsOf = ([from, to]: Span, width: number): Span => [Math.floor(from / width), Math.ceil(to / width)];

/** So many elements for each of a span. */
export const widened = ([from, to]: Span, width: number): Span => [from * width, to * width];

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
