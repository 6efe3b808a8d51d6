/** What elementwise and layout operations mean in WGSL, one element at a time. */
import { f32Literal } from "../../kernels/wgsl.ts";
import { type DType, type Shape, sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes, OpName } from "../../tensor/ops.ts";
import type { Node } from "../../tensor/program.ts";
import { hostValues } from "../../tensor/values.ts";
import { type Code, Place, plus, times } from "./code.ts";
import { wgslType } from "./format.ts";

/** Operations that make one element of a result from few elements of their operands, so that chains of them fuse. */
export type PointwiseOp = Exclude<
  OpName,
  "input" | "parameter" | "sum" | "amax" | "matmul" | "conv" | "scatter-add" | "kernel"
>;

/** Reads an element of operand `operand` of the node at hand. */
type Read = (operand: number, place: Place, code: Code) => string;

type Write<K extends OpName> = (
  code: Code,
  read: Read,
  place: Place,
  node: Node,
  attributes: OpAttributes[K],
) => string;

/** Helpers in WGSL, written out where they are used. */
export const helpers: Record<string, string> = {
  // A device's own sine may be off by 2^-11; this is Cody and Waite's reduction to ±π/2 with a Taylor polynomial.
  sine: `fn sine(x: f32) -> f32 {
  let turns = round(x * 0.31830988618379067f);
  let r = ((x - turns * 3.140625f) - turns * 0.00096702575683594f) - turns * 6.2771141529083e-7f;
  let q = r * r;
  let y = r + r * q * (-0.16666667f + q * (0.0083333333f + q * (-0.00019841270f + q * (2.7557319e-6f - q * 2.5052108e-8f))));
  return select(y, -y, (i32(turns) & 1) != 0);
}`,
  hyperbolicTangent: `fn hyperbolicTangent(x: f32) -> f32 {
  let q = x * x;
  let small = x * (1.0f + q * (-0.33333334f + q * 0.13333334f));
  let t = exp(-2.0f * abs(x));
  return select(sign(x) * (1.0f - t) / (1.0f + t), small, abs(x) < 0.05f);
}`,
  power: `fn power(x: f32, y: f32) -> f32 {
  let size = select(pow(abs(x), y), 1.0f, y == 0.0f);
  return select(size, -size, x < 0.0f && abs(y) % 2.0f == 1.0f);
}`,
  toBf16: `fn toBf16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}`,
};

export const literal = (value: number, dtype: DType): string =>
  dtype === "bool" ? String(value !== 0) : dtype === "i32" ? `i32(${value})` : f32Literal(value);

const same =
  (write: (...x: string[]) => string): Write<OpName> =>
  (code, read, place, node) =>
    write(...node.inputs.map((_, i) => read(i, place, code)));

/** The element of an operand of shape `own` that broadcasting puts at `place`. */
export function broadcastPlace(code: Code, own: Shape, place: Place): Place {
  const { shape } = place;
  if (sizeOf(own) === 1)
    return Place.axes(
      own,
      own.map(() => "0u"),
    );
  if (sizeOf(own) === sizeOf(shape)) return place.reshape(code, own);
  const axes = place.axes(code);
  return Place.axes(
    own,
    own.map((n, axis) => (n === 1 ? "0u" : axes[axis + shape.length - own.length]!)),
  );
}

function cast(x: string, from: DType, to: DType): string {
  const [source, target] = [wgslType(from), wgslType(to)];
  if (to === "bf16") return `toBf16(${source === "f32" ? x : `f32(${x})`})`;
  if (to === "f16") return `quantizeToF16(${source === "f32" ? x : `f32(${x})`})`;
  if (target === "bool") return source === "f32" ? `(${x} != 0.0f)` : `bool(${x})`;
  return source === target ? x : `${target}(${x})`;
}

/** Needs the operands' shapes and dtypes beside the node. */
export interface Typed {
  readonly shape: Shape;
  readonly dtype: DType;
}

export const pointwise = (operands: (node: Node) => readonly Typed[]) =>
  ({
    constant: (_, __, ___, { dtype }, { value }) => literal(hostValues(value)[0]!, dtype), // of one element
    fill: (_, __, ___, { dtype }, { value }) => literal(value, dtype),
    neg: same((x) => `-(${x})`),
    exp: same((x) => `exp(${x})`),
    log: same((x) => `log(${x})`),
    sqrt: same((x) => `sqrt(${x})`),
    rsqrt: same((x) => `inverseSqrt(${x})`),
    sin: same((x) => `sine(${x})`),
    cos: same((x) => `sine(${x} + 1.5707963267948966f)`),
    tanh: same((x) => `hyperbolicTangent(${x})`),
    sigmoid: same((x) => `1.0f / (1.0f + exp(-(${x})))`),
    abs: same((x) => `abs(${x})`),
    sign: same((x) => `sign(${x})`),
    floor: same((x) => `floor(${x})`),
    not: same((x) => `!${x}`),
    cast: (code, read, place, node, { dtype }) => cast(read(0, place, code), operands(node)[0]!.dtype, dtype),
    add: same((a, b) => `${a} + ${b}`),
    sub: same((a, b) => `${a} - ${b}`),
    mul: same((a, b) => (a === b ? `${a} * ${a}` : `${a} * ${b}`)),
    div: same((a, b) => `${a} / ${b}`),
    pow: same((a, b) => `power(${a}, ${b})`),
    max: same((a, b) => `max(${a}, ${b})`),
    min: same((a, b) => `min(${a}, ${b})`),
    less: same((a, b) => `${a} < ${b}`),
    equal: same((a, b) => `${a} == ${b}`),
    select: same((condition, a, b) => `select(${b}, ${a}, ${condition})`),
    reshape: (code, read, place, node) => read(0, place.reshape(code, operands(node)[0]!.shape), code),
    barrier: (code, read, place) => read(0, place, code),
    permute: (code, read, place, node, { order }) => {
      const axes = place.axes(code);
      const { shape } = operands(node)[0]!;
      return read(
        0,
        Place.axes(
          shape,
          shape.map((_, axis) => axes[order.indexOf(axis)]!),
        ),
        code,
      );
    },
    broadcast: (code, read, place, node) => read(0, broadcastPlace(code, operands(node)[0]!.shape, place), code),
    slice: (code, read, place, node, { start, step }) => {
      const axes = place.axes(code).map((at, axis) => code.let(plus(`${start[axis]}u`, times(at, step[axis]!))));
      return read(0, Place.axes(operands(node)[0]!.shape, axes), code);
    },
    flip: (code, read, place, { shape }, { axes: flipped }) => {
      const axes = place
        .axes(code)
        .map((at, axis) => (flipped.includes(axis) ? code.let(`${shape[axis]! - 1}u - ${at}`) : at));
      return read(0, Place.axes(shape, axes), code);
    },
    pad: (code, read, place, node, { before, after }) => {
      const { shape, dtype } = operands(node)[0]!;
      const at = place.axes(code);
      const conditions: string[] = [];
      const inner = shape.map((n, axis) => {
        if (before[axis]) conditions.push(`${at[axis]} >= ${before[axis]}u`);
        if (after[axis]) conditions.push(`${at[axis]} < ${before[axis]! + n}u`);
        return before[axis] ? `(${at[axis]} - ${before[axis]}u)` : at[axis]!;
      });
      const inside = (own: Code) =>
        read(
          0,
          Place.axes(
            shape,
            inner.map((x) => own.let(x)),
          ),
          own,
        );
      return code.choose(wgslType(dtype), [[conditions.join(" && "), inside]], () => literal(0, dtype));
    },
    concat: (code, read, place, node, { axis }) => {
      const at = place.axes(code);
      let end = 0;
      const parts = operands(node).map(({ shape }, i) => {
        const start = end;
        end += shape[axis]!;
        const own = (inner: Code) => {
          const moved = start ? inner.let(`${at[axis]} - ${start}u`) : at[axis]!;
          const axes = at.map((x, other) => (other !== axis ? x : shape[axis] === 1 ? "0u" : moved));
          return read(i, Place.axes(shape, axes), inner);
        };
        return [`${at[axis]} < ${end}u`, own] as const;
      });
      return code.choose(wgslType(node.dtype), parts.slice(0, -1), parts.at(-1)![1]);
    },
    gather: (code, read, place, node) => {
      const [table, indices] = operands(node) as [Typed, Typed];
      const axes = place.axes(code);
      const rank = indices.shape.length;
      const row = code.let(read(1, Place.axes(indices.shape, axes.slice(0, rank)), code));
      const inside = code.let(`u32(clamp(${row}, 0, ${table.shape[0]! - 1}))`);
      return read(0, Place.axes(table.shape, [inside, ...axes.slice(rank)]), code);
    },
  }) satisfies { [K in PointwiseOp]: Write<K> };
