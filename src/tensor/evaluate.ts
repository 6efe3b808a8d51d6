/**
 * What each primitive means: plain loops in float64. Slow on purpose; runtimes are tested against it, and constants
 * are folded with it.
 */
import { InputError } from "../base/errors.ts";
import { type DType, type HostTensor, type Shape, sizeOf } from "./dtype.ts";
import type { OpAttributes, OpName } from "./ops.ts";

export type Values = Float64Array | Int32Array | Uint8Array;

/** A tensor's value in the reference semantics: floats of every width are float64. */
export interface Value {
  readonly shape: Shape;
  readonly data: Values;
}

type Evaluate<K extends OpName> = (inputs: readonly Value[], attributes: OpAttributes[K], shape: Shape) => Values;

export const emptyValues = (dtype: DType, size: number): Values =>
  dtype === "i32" ? new Int32Array(size) : dtype === "bool" ? new Uint8Array(size) : new Float64Array(size);

export const stridesOf = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
};

/** Calls `visit(flat index, source index)` for every index of `shape`, the source moving by `strides`. */
function walk(shape: Shape, strides: readonly number[], visit: (at: number, from: number) => void, offset = 0): void {
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
function broadcastStrides(own: Shape, to: Shape): number[] {
  const strides = stridesOf(own);
  return to.map((_, axis) => {
    const at = axis - to.length + own.length;
    return at < 0 || own[at] === 1 ? 0 : strides[at]!;
  });
}

/** An operand's values laid out in the shape that it is broadcast to. */
function expand({ shape, data }: Value, to: Shape): Values {
  if (shape.length === to.length && shape.every((n, axis) => n === to[axis])) return data;
  const out = new (data.constructor as new (n: number) => Values)(sizeOf(to));
  walk(to, broadcastStrides(shape, to), (at, from) => {
    out[at] = data[from]!;
  });
  return out;
}

const unary =
  (f: (x: number) => number): Evaluate<OpName> =>
  ([x]) =>
    x!.data.map(f) as Values;

const binary =
  (f: (a: number, b: number) => number): Evaluate<OpName> =>
  ([a, b], _, shape) => {
    const left = expand(a!, shape);
    const right = expand(b!, shape);
    const out = left.slice();
    for (let i = 0; i < out.length; i++) out[i] = f(left[i]!, right[i]!);
    return out;
  };

const comparison =
  (f: (a: number, b: number) => boolean): Evaluate<OpName> =>
  ([a, b], _, shape) => {
    const left = expand(a!, shape);
    const right = expand(b!, shape);
    return Uint8Array.from(left, (x, i) => (f(x, right[i]!) ? 1 : 0));
  };

const reduction =
  (start: number, f: (sum: number, x: number) => number): Evaluate<"sum" | "amax"> =>
  ([x], _, shape) => {
    const out = emptyValues(x!.data instanceof Float64Array ? "f32" : "i32", sizeOf(shape)).fill(start);
    walk(x!.shape, broadcastStrides(shape, x!.shape), (at, to) => {
      out[to] = f(out[to]!, x!.data[at]!);
    });
    return out;
  };

const moved = (x: Value, shape: Shape, strides: readonly number[], offset = 0): Values => {
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

const source: Evaluate<OpName> = () => {
  throw new Error("inputs and parameters have no value of their own");
};

export const evaluate = {
  input: source,
  parameter: source,
  constant: (_, { value }) => hostValues(value),
  fill: (_, { value, shape, dtype }) => emptyValues(dtype, sizeOf(shape)).fill(value),
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  rsqrt: unary((x) => 1 / Math.sqrt(x)),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  tanh: unary(Math.tanh),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  floor: unary(Math.floor),
  not: unary((x) => 1 - x),
  cast: ([x], { dtype }) => {
    const out = emptyValues(dtype, x!.data.length);
    for (let i = 0; i < out.length; i++) out[i] = dtype === "bool" ? Number(x!.data[i] !== 0) : x!.data[i]!;
    return out;
  },
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  pow: binary((a, b) => a ** b),
  max: binary(Math.max),
  min: binary(Math.min),
  less: comparison((a, b) => a < b),
  equal: comparison((a, b) => a === b),
  select: ([condition, a, b], _, shape) => {
    const choose = expand(condition!, shape);
    const left = expand(a!, shape);
    const right = expand(b!, shape);
    const out = left.slice();
    for (let i = 0; i < out.length; i++) if (!choose[i]) out[i] = right[i]!;
    return out;
  },
  sum: reduction(0, (sum, x) => sum + x),
  amax: reduction(Number.NEGATIVE_INFINITY, Math.max),
  matmul: ([a, b], { transposeA, transposeB }, shape) => {
    const [rows, columns] = shape.slice(-2) as [number, number];
    const inner = a!.shape.at(transposeA ? -2 : -1)!;
    const batch = shape.slice(0, -2);
    const sheets = (x: Value) =>
      broadcastStrides(x.shape.slice(0, -2), batch).map((n) => n * x.shape.at(-1)! * x.shape.at(-2)!);
    const left = offsets(batch, sheets(a!));
    const right = offsets(batch, sheets(b!));
    const [rowA, stepA] = transposeA ? [1, rows] : [inner, 1];
    const [stepB, columnB] = transposeB ? [1, inner] : [columns, 1];
    const out = new Float64Array(sizeOf(shape));
    const [x, y] = [a!.data, b!.data] as [Float64Array, Float64Array];
    for (let sheet = 0, at = 0; sheet < left.length; sheet++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++, at++) {
          let [sum, i, j] = [0, left[sheet]! + row * rowA!, right[sheet]! + column * columnB!];
          for (let k = 0; k < inner; k++, i += stepA!, j += stepB!) sum += x[i]! * y[j]!;
          out[at] = sum;
        }
    return out;
  },
  conv: ([x, w], { stride, padding }, shape) => {
    const xs = stridesOf(x!.shape);
    const ws = stridesOf(w!.shape);
    const os = stridesOf(shape);
    const [channels, ...kernel] = w!.shape.slice(1) as [number, number, number, number];
    const out = new Float64Array(sizeOf(shape));
    for (let at = 0; at < out.length; at++) {
      const position = os.map((step, axis) => Math.floor(at / step) % shape[axis]!);
      let sum = 0;
      for (let f = 0; f < kernel[0]!; f++)
        for (let h = 0; h < kernel[1]!; h++)
          for (let v = 0; v < kernel[2]!; v++) {
            const place = [f, h, v].map(
              (offset, axis) => position[axis + 2]! * stride[axis]! + offset - padding[axis]![0],
            );
            if (place.some((p, axis) => p < 0 || p >= x!.shape[axis + 2]!)) continue;
            const from = position[0]! * xs[0]! + place[0]! * xs[2]! + place[1]! * xs[3]! + place[2]!;
            const weight = position[1]! * ws[0]! + f * ws[2]! + h * ws[3]! + v;
            for (let c = 0; c < channels; c++) sum += x!.data[from + c * xs[1]!]! * w!.data[weight + c * ws[1]!]!;
          }
      out[at] = sum;
    }
    return out;
  },
  reshape: ([x]) => x!.data,
  permute: ([x], { order }, shape) =>
    moved(
      x!,
      shape,
      order.map((axis) => stridesOf(x!.shape)[axis]!),
    ),
  broadcast: ([x], _, shape) => expand(x!, shape).slice(),
  slice: ([x], { start, step }, shape) => {
    const strides = stridesOf(x!.shape);
    const offset = start.reduce((sum, n, axis) => sum + n * strides[axis]!, 0);
    return moved(
      x!,
      shape,
      step.map((n, axis) => n * strides[axis]!),
      offset,
    );
  },
  pad: ([x], { before }, shape) => {
    const out = new (x!.data.constructor as new (n: number) => Values)(sizeOf(shape));
    const strides = stridesOf(shape);
    walk(
      x!.shape,
      strides,
      (at, to) => {
        out[to] = x!.data[at]!;
      },
      before.reduce((sum, n, axis) => sum + n * strides[axis]!, 0),
    );
    return out;
  },
  concat: (inputs, { axis }, shape) => {
    const out = new (inputs[0]!.data.constructor as new (n: number) => Values)(sizeOf(shape));
    const strides = stridesOf(shape);
    let offset = 0;
    for (const x of inputs) {
      walk(
        x.shape,
        strides,
        (at, to) => {
          out[to] = x.data[at]!;
        },
        offset,
      );
      offset += x.shape[axis]! * strides[axis]!;
    }
    return out;
  },
  flip: ([x], { axes }, shape) => {
    const strides = stridesOf(shape);
    const offset = axes.reduce((sum, axis) => sum + (shape[axis]! - 1) * strides[axis]!, 0);
    return moved(
      x!,
      shape,
      strides.map((n, axis) => (axes.includes(axis) ? -n : n)),
      offset,
    );
  },
  gather: ([table, indices], _, shape) => {
    const width = sizeOf(table!.shape.slice(1));
    const out = new (table!.data.constructor as new (n: number) => Values)(sizeOf(shape));
    checkRows(indices!.data, table!.shape[0]!);
    for (const [at, row] of indices!.data.entries())
      out.set(table!.data.subarray(row * width, (row + 1) * width), at * width);
    return out;
  },
  "scatter-add": ([values, indices], _, shape) => {
    const width = sizeOf(shape.slice(1));
    const out = new Float64Array(sizeOf(shape));
    checkRows(indices!.data, shape[0]!);
    for (const [at, row] of indices!.data.entries())
      for (let i = 0; i < width; i++) out[row * width + i]! += values!.data[at * width + i]!;
    return out;
  },
  barrier: ([x]) => x!.data,
  kernel: () => {
    throw new Error("kernels are expanded before they are evaluated");
  },
} satisfies { [K in OpName]: Evaluate<K> };

function checkRows(indices: Values, rows: number): void {
  for (const row of indices)
    if (!(row >= 0 && row < rows)) throw new InputError(`index ${row} in a table of ${rows} rows`);
}

function offsets(shape: Shape, strides: readonly number[]): number[] {
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
