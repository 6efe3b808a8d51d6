/**
 * What each primitive means: plain loops in float64. Slow on purpose; runtimes are tested against it, and constants
 * are folded with it.
 */
import { InputError } from "../base/errors.ts";
import { type Shape, sizeOf } from "./dtype.ts";
import type { OpAttributes, OpName } from "./ops.ts";
import {
  broadcastStrides,
  emptyValues,
  expand,
  hostValues,
  moved,
  offsets,
  stridesOf,
  type Value,
  type Values,
  walk,
} from "./values.ts";

type Evaluate<K extends OpName> = (inputs: readonly Value[], attributes: OpAttributes[K], shape: Shape) => Values;

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
