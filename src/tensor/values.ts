/** Values in the reference semantics, and how layouts walk over them. */
import { type DType, type HostTensor, type Shape, sizeOf } from "./dtype.ts";

export type Values = Float64Array | Int32Array | Uint8Array;

/** A tensor's value in the reference semantics: floats of every width are float64. */
export interface Value {
  readonly shape: Shape;
  readonly data: Values;
}

export const emptyValues = (dtype: DType, size: number): Values =>
  dtype === "i32" ? new Int32Array(size) : dtype === "bool" ? new Uint8Array(size) : new Float64Array(size);

export const stridesOf = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
};

/** Calls `visit(flat index, source index)` for every index of `shape`, the source moving by `strides`. */
export function walk(
  shape: Shape,
  strides: readonly number[],
  visit: (at: number, from: number) => void,
  offset = 0,
): void {
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  const size = sizeOf(shape);
  for (let at = 0; at < size; at++) {
    visit(at, from);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** Strides of an operand within the shape that it is broadcast to. */
export function broadcastStrides(own: Shape, to: Shape): number[] {
  const strides = stridesOf(own);
  return to.map((_, axis) => {
    const at = axis - to.length + own.length;
    return at < 0 || own[at] === 1 ? 0 : strides[at]!;
  });
}

/** An operand's values laid out in the shape that it is broadcast to. */
export function expand({ shape, data }: Value, to: Shape): Values {
  if (shape.length === to.length && shape.every((n, axis) => n === to[axis])) return data;
  const out = new (data.constructor as new (n: number) => Values)(sizeOf(to));
  walk(to, broadcastStrides(shape, to), (at, from) => {
    out[at] = data[from]!;
  });
  return out;
}

export const moved = (x: Value, shape: Shape, strides: readonly number[], offset = 0): Values => {
  const out = new (x.data.constructor as new (n: number) => Values)(sizeOf(shape));
  walk(
    shape,
    strides,
    (at, from) => {
      out[at] = x.data[from]!;
    },
    offset,
  );
  return out;
};

export function offsets(shape: Shape, strides: readonly number[]): number[] {
  const out: number[] = [];
  walk(shape, strides, (_, from) => out.push(from));
  return out;
}

const half = new Float32Array(1);
const bits = new Uint32Array(half.buffer);

/** The value of a bf16 bit pattern. */
function fromBf16(pattern: number): number {
  bits[0] = pattern << 16;
  return half[0]!;
}

/** The value of an f16 bit pattern. */
function fromF16(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 31;
  const fraction = pattern & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** A host tensor's numbers in the reference semantics. */
export function hostValues({ dtype, data }: HostTensor): Values {
  if (dtype === "i32") return new Int32Array(data);
  if (dtype === "bool") return new Uint8Array(data);
  if (dtype === "f16" && data instanceof Uint16Array) return Float64Array.from(data, fromF16);
  if (dtype === "bf16" && data instanceof Uint16Array) return Float64Array.from(data, fromBf16);
  return new Float64Array(data);
}
