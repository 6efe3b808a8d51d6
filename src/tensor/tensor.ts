import { ShapeError } from "../base/errors.ts";
import { type DType, formatShape, type HostTensor, hostTensor, type Shape, sizeOf } from "./dtype.ts";
import { infer } from "./infer.ts";
import type { Kernel } from "./kernel.ts";
import type { OpAttributes, OpName, Typed } from "./ops.ts";
import { currentRegion, type Region } from "./region.ts";
import { currentScope } from "./scope.ts";

type Operand = Tensor | number;

let count = 0;

/**
 * A value in a tensor program: an operation applied to other tensors. Nothing is computed when one is made; shape
 * and dtype are known and checked at once.
 */
export class Tensor<K extends OpName = OpName> {
  readonly id = count++;
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Tensor[];
  readonly shape: Shape;
  readonly dtype: DType;
  /** Path of the layer that made it. */
  readonly scope = currentScope();
  readonly region: Region | undefined = currentRegion();
  /** Weight name of a parameter, set by `mount`. */
  name: string | undefined;
  /** What a kernel call means in primitives, once someone asked (gradients, or a runtime without a fast form). */
  expansion: Tensor | undefined;
  /** Set when gradients went through `expansion`: compiling then uses it too, so that values are shared. */
  differentiated = false;

  constructor(op: K, attributes: OpAttributes[K], inputs: readonly Tensor[], type: Typed) {
    this.op = op;
    this.attributes = attributes;
    this.inputs = inputs;
    this.shape = type.shape;
    this.dtype = type.dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  is<N extends OpName>(op: N): this is Tensor<N> {
    return (this.op as OpName) === op;
  }

  // Elementwise.
  neg(): Tensor {
    return apply("neg", {}, [this]);
  }
  exp(): Tensor {
    return apply("exp", {}, [this]);
  }
  log(): Tensor {
    return apply("log", {}, [this]);
  }
  sqrt(): Tensor {
    return apply("sqrt", {}, [this]);
  }
  rsqrt(): Tensor {
    return apply("rsqrt", {}, [this]);
  }
  sin(): Tensor {
    return apply("sin", {}, [this]);
  }
  cos(): Tensor {
    return apply("cos", {}, [this]);
  }
  tanh(): Tensor {
    return apply("tanh", {}, [this]);
  }
  sigmoid(): Tensor {
    return apply("sigmoid", {}, [this]);
  }
  abs(): Tensor {
    return apply("abs", {}, [this]);
  }
  sign(): Tensor {
    return apply("sign", {}, [this]);
  }
  floor(): Tensor {
    return apply("floor", {}, [this]);
  }
  not(): Tensor {
    return apply("not", {}, [this]);
  }
  square(): Tensor {
    return this.mul(this);
  }
  cast(dtype: DType): Tensor {
    return dtype === this.dtype ? this : apply("cast", { dtype }, [this]);
  }
  add(other: Operand): Tensor {
    return apply("add", {}, [this, this.#operand(other)]);
  }
  sub(other: Operand): Tensor {
    return apply("sub", {}, [this, this.#operand(other)]);
  }
  mul(other: Operand): Tensor {
    return apply("mul", {}, [this, this.#operand(other)]);
  }
  div(other: Operand): Tensor {
    return apply("div", {}, [this, this.#operand(other)]);
  }
  pow(other: Operand): Tensor {
    return apply("pow", {}, [this, this.#operand(other)]);
  }
  max(other: Operand): Tensor {
    return apply("max", {}, [this, this.#operand(other)]);
  }
  min(other: Operand): Tensor {
    return apply("min", {}, [this, this.#operand(other)]);
  }
  less(other: Operand): Tensor {
    return apply("less", {}, [this, this.#operand(other)]);
  }
  equal(other: Operand): Tensor {
    return apply("equal", {}, [this, this.#operand(other)]);
  }
  /** `a` where this (bool) holds, else `b`. */
  select(a: Tensor, b: Tensor): Tensor {
    return apply("select", {}, [this, a, b]);
  }

  // Reductions; axes may be negative, and default to all.
  sum(axes?: number | readonly number[], keep = false): Tensor {
    return this.#reduce("sum", axes, keep);
  }
  amax(axes?: number | readonly number[], keep = false): Tensor {
    return this.#reduce("amax", axes, keep);
  }
  mean(axes?: number | readonly number[], keep = false): Tensor {
    const total = this.sum(axes, keep);
    return total.mul(sizeOf(total.shape) / sizeOf(this.shape));
  }

  // Products.
  matmul(other: Tensor, { transposeA = false, transposeB = false } = {}): Tensor {
    return apply("matmul", { transposeA, transposeB }, [this, other]);
  }
  /** See `OpAttributes.conv`; stride and padding per (frame, row, column). */
  conv(
    weight: Tensor,
    {
      stride = [1, 1, 1],
      padding = [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    }: Partial<OpAttributes["conv"]> = {},
  ): Tensor {
    return apply("conv", { stride, padding }, [this, weight]);
  }

  // Layout.
  /** One size may be -1: whatever is left. */
  reshape(...shape: number[]): Tensor {
    const open = shape.indexOf(-1);
    if (open >= 0) shape[open] = sizeOf(this.shape) / -sizeOf(shape);
    return sameShape(shape, this.shape) ? this : apply("reshape", { shape }, [this]);
  }
  permute(...order: number[]): Tensor {
    return order.every((axis, i) => axis === i) && order.length === this.rank
      ? this
      : apply("permute", { order }, [this]);
  }
  broadcast(shape: Shape): Tensor {
    return sameShape(shape, this.shape) ? this : apply("broadcast", { shape }, [this]);
  }
  /** Elements start, start + step, ... below stop of one axis. */
  slice(axis: number, start: number, stop?: number, step = 1): Tensor {
    const at = this.axis(axis);
    const size = this.shape[at]!;
    const end = stop === undefined ? size : stop < 0 ? size + stop : stop;
    const begin = start < 0 ? size + start : start;
    if (begin === 0 && end === size && step === 1) return this;
    const all = (value: (n: number) => number, own: number) => this.shape.map((n, i) => (i === at ? own : value(n)));
    return apply("slice", { start: all(() => 0, begin), stop: all((n) => n, end), step: all(() => 1, step) }, [this]);
  }
  pad(before: readonly number[], after: readonly number[]): Tensor {
    return [...before, ...after].every((n) => n === 0) ? this : apply("pad", { before, after }, [this]);
  }
  flip(...axes: number[]): Tensor {
    return apply("flip", { axes: axes.map((axis) => this.axis(axis)) }, [this]);
  }
  /** Parts of sizes `sizes` along an axis. */
  split(sizes: readonly number[], axis: number): Tensor[] {
    let start = 0;
    return sizes.map((size) => this.slice(axis, start, (start += size)));
  }
  /** `count` equal parts along an axis. */
  chunk(count: number, axis: number): Tensor[] {
    return this.split(new Array<number>(count).fill(this.shape[this.axis(axis)]! / count), axis);
  }
  /** The slices along an axis, without it. */
  unstack(axis: number): Tensor[] {
    const at = this.axis(axis);
    const rest = this.shape.filter((_, i) => i !== at);
    return this.chunk(this.shape[at]!, at).map((part) => part.reshape(...rest));
  }
  unsqueeze(axis: number): Tensor {
    const at = axis < 0 ? axis + this.rank + 1 : axis;
    return this.reshape(...this.shape.slice(0, at), 1, ...this.shape.slice(at));
  }
  gather(indices: Tensor): Tensor {
    return apply("gather", {}, [this, indices]);
  }
  scatterAdd(indices: Tensor, rows: number): Tensor {
    return apply("scatter-add", { rows }, [this, indices]);
  }
  barrier(after: Tensor): Tensor {
    return apply("barrier", {}, [this, after]);
  }

  /** A possibly negative axis as an index. */
  axis(axis: number): number {
    const at = axis < 0 ? axis + this.rank : axis;
    if (!(at >= 0 && at < this.rank)) throw located(new ShapeError(`no axis ${axis} in ${formatShape(this.shape)}`));
    return at;
  }

  #operand(other: Operand): Tensor {
    return typeof other === "number" ? apply("fill", { value: other, shape: [], dtype: this.dtype }, []) : other;
  }

  #reduce(op: "sum" | "amax", axes: number | readonly number[] | undefined, keep: boolean): Tensor {
    const list = axes === undefined ? this.shape.map((_, i) => i) : typeof axes === "number" ? [axes] : axes;
    const at = list.map((axis) => this.axis(axis)).sort((a, b) => a - b);
    const kept = at.length ? apply(op, { axes: at }, [this]) : this;
    return keep ? kept : kept.reshape(...this.shape.filter((_, i) => !at.includes(i)));
  }
}

const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** Adds where a ShapeError happened: the layer being traced, and the weights nearby. */
function located(error: ShapeError, op?: string, inputs: readonly Tensor[] = []): ShapeError {
  const names = inputs.map((x) => x.name).filter(Boolean);
  const what = op ? `${op}${names.length ? ` with ${names.join(", ")}` : ""}: ${error.message}` : error.message;
  return new ShapeError(what, { where: currentScope() || undefined });
}

/** One operation on tensors (the methods of Tensor are the usual way). `known` is the type of a kernel call, which has no rule. */
export function apply<K extends OpName>(
  op: K,
  attributes: OpAttributes[K],
  inputs: readonly Tensor[],
  known?: Typed,
): Tensor {
  try {
    const type = known ?? (infer[op] as (a: OpAttributes[K], i: readonly Typed[]) => Typed)(attributes, inputs);
    if (!type.shape.every((n) => Number.isInteger(n) && n > 0))
      throw new ShapeError(`sizes must be whole numbers from 1, got ${formatShape(type.shape)}`);
    return new Tensor(op, attributes, inputs, { shape: type.shape, dtype: type.dtype }) as unknown as Tensor;
  } catch (error) {
    throw error instanceof ShapeError ? located(error, op, inputs) : error;
  }
}

/** A trained weight. `mount` names it by its field path. */
export function parameter(shape: Shape, dtype: DType = "f32"): Tensor {
  return apply("parameter", { shape, dtype }, []);
}

/** A value that is handed in at each run. */
export function input(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
  const x = apply("input", { name, shape, dtype }, []);
  x.name = name;
  return x;
}

/** A value known while tracing. */
export function constant(value: HostTensor | number[] | Float32Array, shape?: Shape): Tensor {
  const host =
    Array.isArray(value) || value instanceof Float32Array ? hostTensor(value, shape ?? [value.length]) : value;
  return apply("constant", { value: host }, []);
}

export function fill(value: number, shape: Shape = [], dtype: DType = "f32"): Tensor {
  return apply("fill", { value, shape, dtype }, []);
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  return parts.length === 1 ? parts[0]! : apply("concat", { axis: parts[0]?.axis(axis) ?? axis }, parts);
}

/** Joins tensors of one shape along a new axis. */
export function stack(parts: readonly Tensor[], axis: number): Tensor {
  return concat(
    parts.map((part) => part.unsqueeze(axis)),
    axis,
  );
}

/** A kernel call: one node of the graph until someone needs to look inside. */
export function call<O extends object>(kernel: Kernel<O>, inputs: readonly Tensor[], options: O): Tensor {
  const traced = kernel.definition(inputs, options);
  const node = new Tensor(
    "kernel",
    { kernel, options: options as Record<string, unknown> },
    inputs,
    traced,
  ) as unknown as Tensor;
  node.expansion = traced;
  return node;
}
