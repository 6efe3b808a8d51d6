/** Shape and dtype of each operation's result. */
import { ShapeError } from "../base/errors.ts";
import { formatShape, isFloat, type Shape, sizeOf } from "./dtype.ts";
import type { Axes, OpAttributes, OpName, Typed } from "./ops.ts";

type Infer<K extends OpName> = (attributes: OpAttributes[K], inputs: readonly Typed[]) => Typed;

/** The shape that operands of an elementwise operation have in common. */
export function broadcastShapes(...shapes: Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own !== 1 && size !== 1 && own !== size)
        throw new ShapeError(`shapes ${shapes.map(formatShape).join(" and ")} do not broadcast`);
      if (own !== 1) size = own;
    }
    return size;
  });
}

const same = (_: unknown, [x]: readonly Typed[]): Typed => x!;

function needFloats(...inputs: readonly Typed[]): void {
  for (const { dtype } of inputs) if (!isFloat(dtype)) throw new ShapeError(`needs floats, got ${dtype}`);
}

const float = (_: unknown, [x]: readonly Typed[]): Typed => {
  needFloats(x!);
  return x!;
};

const number = (_: unknown, [x]: readonly Typed[]): Typed => {
  if (x!.dtype === "bool") throw new ShapeError("needs numbers, got bool");
  return x!;
};

const bool = (_: unknown, [x]: readonly Typed[]): Typed => {
  if (x!.dtype !== "bool") throw new ShapeError(`needs bool, got ${x!.dtype}`);
  return x!;
};

/** Operands of one dtype, broadcast. */
const pair = (_: unknown, inputs: readonly Typed[]): Typed => {
  const [a, b] = inputs as [Typed, Typed];
  if (a.dtype !== b.dtype) throw new ShapeError(`dtypes ${a.dtype} and ${b.dtype} differ; cast one of them`);
  return { shape: broadcastShapes(a.shape, b.shape), dtype: a.dtype };
};

const numbers = (_: unknown, inputs: readonly Typed[]): Typed => number(_, [pair(_, inputs)]);
const floats = (_: unknown, inputs: readonly Typed[]): Typed => float(_, [pair(_, inputs)]);

function checkAxes(axes: readonly number[], shape: Shape): void {
  for (const axis of axes)
    if (!(Number.isInteger(axis) && axis >= 0 && axis < shape.length))
      throw new ShapeError(`no axis ${axis} in ${formatShape(shape)}`);
  if (new Set(axes).size !== axes.length) throw new ShapeError(`axes ${formatShape(axes)} hold one twice`);
}

const reduction = ({ axes }: Axes, inputs: readonly Typed[]): Typed => {
  const x = number(undefined, inputs);
  checkAxes(axes, x.shape);
  return { shape: x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n)), dtype: x.dtype };
};

/** Shape and dtype of each operation's result; throws a ShapeError where operands do not go together. */
export const infer = {
  input: (a) => a,
  parameter: (a) => a,
  constant: ({ value }) => value,
  fill: (a) => a,
  neg: number,
  exp: float,
  log: float,
  sqrt: float,
  rsqrt: float,
  sin: float,
  cos: float,
  tanh: float,
  sigmoid: float,
  abs: number,
  sign: number,
  floor: float,
  not: bool,
  cast: ({ dtype }, [x]) => ({ shape: x!.shape, dtype }),
  add: numbers,
  sub: numbers,
  mul: numbers,
  div: floats,
  pow: floats,
  max: numbers,
  min: numbers,
  less: (_, inputs) => ({ shape: numbers(_, inputs).shape, dtype: "bool" }),
  equal: (_, inputs) => ({ shape: pair(_, inputs).shape, dtype: "bool" }),
  select: (_, [condition, a, b]) => {
    if (condition!.dtype !== "bool") throw new ShapeError(`select needs a bool condition, got ${condition!.dtype}`);
    const { dtype } = pair(_, [a!, b!]);
    return { shape: broadcastShapes(condition!.shape, a!.shape, b!.shape), dtype };
  },
  sum: reduction,
  amax: reduction,
  matmul: ({ transposeA, transposeB }, [a, b]) => {
    if (a!.shape.length < 2 || b!.shape.length < 2)
      throw new ShapeError(`matmul needs matrices, got ${formatShape(a!.shape)} and ${formatShape(b!.shape)}`);
    const [rows, inner] = transposeA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const [innerB, columns] = transposeB ? [b!.shape.at(-1)!, b!.shape.at(-2)!] : [b!.shape.at(-2)!, b!.shape.at(-1)!];
    if (inner !== innerB)
      throw new ShapeError(
        `inner sizes ${inner} and ${innerB} of ${formatShape(a!.shape)} x ${formatShape(b!.shape)} differ`,
      );
    needFloats(a!, b!);
    if (a!.dtype !== b!.dtype) throw new ShapeError(`dtypes ${a!.dtype} and ${b!.dtype} differ; cast one of them`);
    return {
      shape: [...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), rows, columns],
      dtype: a!.dtype,
    };
  },
  conv: ({ stride, padding }, [x, w]) => {
    if (x!.shape.length !== 5 || w!.shape.length !== 5)
      throw new ShapeError(
        `conv needs [B, C, F, H, W] and [O, C, f, h, w], got ${formatShape(x!.shape)} and ${formatShape(w!.shape)}`,
      );
    needFloats(x!, w!);
    if (x!.dtype !== w!.dtype) throw new ShapeError(`dtypes ${x!.dtype} and ${w!.dtype} differ; cast one of them`);
    if (stride.some((n) => !(n >= 1)) || padding.flat().some((n) => n < 0))
      throw new ShapeError(`conv with stride ${formatShape(stride)} and padding ${formatShape(padding.flat())}`);
    if (x!.shape[1] !== w!.shape[1])
      throw new ShapeError(`conv of ${x!.shape[1]} channels with a weight for ${w!.shape[1]}`);
    const spatial = [0, 1, 2].map((axis) => {
      const padded = x!.shape[axis + 2]! + padding[axis]![0] + padding[axis]![1];
      const size = Math.floor((padded - w!.shape[axis + 2]!) / stride[axis]!) + 1;
      if (size < 1)
        throw new ShapeError(
          `conv kernel ${formatShape(w!.shape.slice(2))} is larger than ${formatShape(x!.shape.slice(2))}`,
        );
      return size;
    });
    return { shape: [x!.shape[0]!, w!.shape[0]!, ...spatial], dtype: x!.dtype };
  },
  reshape: ({ shape }, [x]) => {
    if (sizeOf(shape) !== sizeOf(x!.shape))
      throw new ShapeError(
        `cannot reshape ${formatShape(x!.shape)} (${sizeOf(x!.shape)}) to ${formatShape(shape)} (${sizeOf(shape)})`,
      );
    return { shape, dtype: x!.dtype };
  },
  permute: ({ order }, [x]) => {
    if (
      order.length !== x!.shape.length ||
      new Set(order).size !== order.length ||
      order.some((axis) => x!.shape[axis] === undefined)
    )
      throw new ShapeError(`permute order ${formatShape(order)} does not fit ${formatShape(x!.shape)}`);
    return { shape: order.map((axis) => x!.shape[axis]!), dtype: x!.dtype };
  },
  broadcast: ({ shape }, [x]) => {
    const common = broadcastShapes(x!.shape, shape);
    if (formatShape(common) !== formatShape(shape))
      throw new ShapeError(`${formatShape(x!.shape)} does not broadcast to ${formatShape(shape)}`);
    return { shape, dtype: x!.dtype };
  },
  slice: ({ start, stop, step }, [x]) => {
    for (const list of [start, stop, step])
      if (list.length !== x!.shape.length || !list.every(Number.isInteger))
        throw new ShapeError(`slice ${formatShape(list)} does not fit ${formatShape(x!.shape)}`);
    const shape = x!.shape.map((size, axis) => {
      if (!(start[axis]! >= 0 && stop[axis]! <= size && start[axis]! < stop[axis]! && step[axis]! >= 1))
        throw new ShapeError(
          `slice ${start[axis]}:${stop[axis]}:${step[axis]} leaves axis ${axis} of ${formatShape(x!.shape)}`,
        );
      return Math.ceil((stop[axis]! - start[axis]!) / step[axis]!);
    });
    return { shape, dtype: x!.dtype };
  },
  pad: ({ before, after }, [x]) => {
    if (
      before.length !== x!.shape.length ||
      after.length !== x!.shape.length ||
      [...before, ...after].some((n) => n < 0)
    )
      throw new ShapeError(`pad ${formatShape(before)}, ${formatShape(after)} does not fit ${formatShape(x!.shape)}`);
    return { shape: x!.shape.map((n, axis) => n + before[axis]! + after[axis]!), dtype: x!.dtype };
  },
  concat: ({ axis }, inputs) => {
    const [first] = inputs;
    if (!first) throw new ShapeError("nothing to join");
    checkAxes([axis], first.shape);
    let total = 0;
    for (const { shape, dtype } of inputs) {
      if (
        dtype !== first.dtype ||
        shape.length !== first.shape.length ||
        shape.some((n, i) => i !== axis && n !== first.shape[i])
      )
        throw new ShapeError(
          `cannot join ${inputs.map((x) => `${x.dtype} ${formatShape(x.shape)}`).join(", ")} along axis ${axis}`,
        );
      total += shape[axis]!;
    }
    return { shape: first.shape.map((n, i) => (i === axis ? total : n)), dtype: first.dtype };
  },
  flip: ({ axes }, [x]) => {
    checkAxes(axes, x!.shape);
    return x!;
  },
  gather: (_, [table, indices]) => {
    if (indices!.dtype !== "i32") throw new ShapeError(`gather needs i32 indices, got ${indices!.dtype}`);
    if (!table!.shape.length) throw new ShapeError("gather needs a table with rows, got a scalar");
    return { shape: [...indices!.shape, ...table!.shape.slice(1)], dtype: table!.dtype };
  },
  "scatter-add": ({ rows }, [values, indices]) => {
    if (indices!.dtype !== "i32") throw new ShapeError(`scatter-add needs i32 indices, got ${indices!.dtype}`);
    needFloats(values!);
    if (indices!.shape.some((n, axis) => n !== values!.shape[axis]))
      throw new ShapeError(
        `scatter-add of ${formatShape(values!.shape)} at ${formatShape(indices!.shape)}: an index for each row is needed`,
      );
    return { shape: [rows, ...values!.shape.slice(indices!.shape.length)], dtype: values!.dtype };
  },
  barrier: same,
  kernel: () => {
    throw new ShapeError("a kernel's shape comes from its definition");
  },
} satisfies { [K in OpName]: Infer<K> };
