import type { DType, HostTensor, Shape } from "./dtype.ts";
import type { Kernel } from "./kernel.ts";

type None = Record<never, never>;
export type Axes = { readonly axes: readonly number[] };

/**
 * The primitive operations and their attributes. Every table over operations (values, gradients, lowerings) is
 * typed by this list, so an operation that is added here shows up as compile errors wherever it is missing.
 */
export interface OpAttributes {
  // Sources.
  input: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  parameter: { readonly shape: Shape; readonly dtype: DType };
  constant: { readonly value: HostTensor };
  fill: { readonly value: number; readonly shape: Shape; readonly dtype: DType };
  // Elementwise, one operand.
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  rsqrt: None;
  sin: None;
  cos: None;
  tanh: None;
  sigmoid: None;
  abs: None;
  sign: None;
  floor: None;
  not: None;
  cast: { readonly dtype: DType };
  // Elementwise, several operands; shapes broadcast as in NumPy.
  add: None;
  sub: None;
  mul: None;
  div: None;
  pow: None;
  max: None;
  min: None;
  less: None;
  equal: None;
  select: None;
  // Reductions keep the reduced axes with size 1.
  sum: Axes;
  amax: Axes;
  // Products.
  /** Batched: leading axes broadcast. The last two axes of an operand are swapped first where its flag is set. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** x [B, C, F, H, W] with w [O, C, f, h, w], zero padding [before, after] per spatial axis. */
  conv: { readonly stride: readonly number[]; readonly padding: readonly (readonly [number, number])[] };
  // Layout.
  reshape: { readonly shape: Shape };
  permute: { readonly order: readonly number[] };
  broadcast: { readonly shape: Shape };
  slice: { readonly start: readonly number[]; readonly stop: readonly number[]; readonly step: readonly number[] };
  pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  concat: { readonly axis: number };
  flip: Axes;
  /** Rows of `table [V, ...]` picked by integer `indices [...]`: result [...indices, ...row]. */
  gather: None;
  /** `values [...indices, ...row]` summed into a zero table [rows, ...row] at `indices`: gather's transpose. */
  "scatter-add": { readonly rows: number };
  // Structure.
  /** The first operand, computed no earlier than the second: holds recomputed blocks back until they are needed. */
  barrier: None;
  /** A named function with a definition in primitives; runtimes may have something faster for it. */
  kernel: { readonly kernel: Kernel; readonly options: Record<string, unknown> };
}

export type OpName = keyof OpAttributes;

export interface Typed {
  readonly shape: Shape;
  readonly dtype: DType;
}
