/** How a kernel says what it is in ONNX: the small vocabulary shared with the `ort` runtime. */
import type { DType, Shape } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** An attribute of an ONNX node; whole numbers become INT(S), `float(x)` a FLOAT, text a STRING. */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

export const float = (value: number): OnnxAttribute => ({ float: value });

/** A named value of the ONNX graph with what is known about it. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface OnnxEmitter {
  /** Adds a node and answers the name of its first result. `domain` is "" for ONNX itself or "com.microsoft". */
  node(op: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>, domain?: string): string;
  /** A node with several results. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): string[];
  /** A small constant of 64-bit integers (shapes, axes). */
  integers(values: readonly number[], shape?: readonly number[]): string;
  /** A scalar of the given element type. */
  scalar(value: number, dtype?: DType): string;
  floats(values: Float32Array, shape: readonly number[]): string;
}

/** A kernel's form for ONNX Runtime (`fast.ort`). */
export interface OrtForm<O> {
  /** Where it applies; elsewhere the definition runs. */
  readonly supports?: (inputs: readonly Tensor[], options: O) => boolean;
  /** Emits nodes and answers the result's name. */
  readonly lower: (emit: OnnxEmitter, inputs: readonly OnnxValue[], options: O, out: { shape: Shape }) => string;
}

export const ortForm = <O>(form: OrtForm<O>): OrtForm<O> => form;
