/** The operations that need a loop of their own, as compute shaders over `load…` and `store`. */
import { partsOf, productKernel } from "../../kernels/tile.ts";
import type { Product } from "../../kernels/tile-operand.ts";
import { f32Literal, inBands, type WebGpuForm, type WgslDevice, type WgslKernel } from "../../kernels/wgsl.ts";
import { type Shape, sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import type { Node } from "../../tensor/program.ts";
import { stridesOf } from "../../tensor/values.ts";
import { Code, Place, plus, times } from "./code.ts";
import { wgslType } from "./format.ts";

export type CoreOp = "sum" | "amax" | "matmul" | "conv" | "scatter-add" | "kernel";

/** Operands of a core by index: their types, and what each looks like once views are taken away. */
type Build<K extends CoreOp> = (
  device: WgslDevice,
  inputs: readonly Node[],
  attributes: OpAttributes[K],
  node: Node,
) => CorePlan;

export interface CorePlan {
  /** Computes the result, or `parts` partial results one behind the other that are summed afterwards. */
  readonly kernel: WgslKernel;
  readonly parts: number;
}

const whole = (kernel: WgslKernel): CorePlan => ({ kernel, parts: 1 });

/** One lane an element: for everything without a core. */
export function mapKernel(size: number, call = "store(i)", variant = "map", before = ""): WgslKernel {
  const lanes = 64;
  const code = `${before}
fn work(group: u32, lane: u32) {
  let i = group * ${lanes}u + lane;
  if (i < ${size}u) { ${call}; }
}`;
  return { variant, code, lanes, groups: Math.ceil(size / lanes), stores: inBands(size, 1, lanes) };
}

/** Sums `parts` partial results of `size` elements. */
export const sumOfParts = (parts: number, size: number): WgslKernel =>
  mapKernel(
    size,
    `var sum = 0.0f;
  for (var part = 0u; part < ${parts}u; part++) { sum += load0(part * ${size}u + i); }
  store(i, sum)`,
    "sum of parts",
  );

/** Elements from which a workgroup, rather than a lane, reduces to one. */
const longReduction = 64;
/** Elements from which a reduction is cut into parts where few results would leave a device idle. */
const veryLong = 8192;

function reduce(op: "sum" | "amax"): Build<"sum" | "amax"> {
  return (_, [x], { axes }, node) => {
    const { shape, dtype } = x!;
    const type = wgslType(dtype);
    const lowest = type === "i32" ? "i32(-2147483648)" : f32Literal(Number.NEGATIVE_INFINITY);
    const start = op === "sum" ? `${type}(0)` : lowest;
    const join = (a: string, b: string) => (op === "sum" ? `${a} + ${b}` : `max(${a}, ${b})`);
    const strides = stridesOf(shape);
    const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const along = (own: readonly number[], flat: string, code: Code) => {
      const place = Place.flat(
        own.map((axis) => shape[axis]!),
        flat,
      ).axes(code);
      return code.let(plus(...own.map((axis, i) => times(place[i]!, strides[axis]!))));
    };
    const [outer, inner] = [new Code(), new Code()];
    const first = along(kept, "at", outer);
    const offset = along(axes, "r", inner);
    const places = `fn firstOf(at: u32) -> u32 { ${outer.text} return ${first}; }
fn offsetOf(r: u32) -> u32 { ${inner.text} return ${offset}; }`;
    const [results, count] = [sizeOf(node.shape), axes.reduce((n, axis) => n * shape[axis]!, 1)];
    const parts =
      op === "sum" && type === "f32" && count >= veryLong && results < veryLong ? Math.ceil(count / 2048) : 1;
    const each = Math.ceil(count / parts);
    const range = `let last = min(${count}u, (part + 1u) * ${each}u);`;
    if (each < longReduction || results >= 64 * each) {
      const body = `let at = i % ${results}u;
  let part = i / ${results}u;
  let first = firstOf(at);
  ${range}
  var sum = ${start};
  for (var r = part * ${each}u; r < last; r++) { sum = ${join("sum", "load0(first + offsetOf(r))")}; }
  store(i, sum)`;
      return { parts, kernel: mapKernel(results * parts, body, "a lane a result", places) };
    }
    const lanes = 64;
    const code = `${places}
var<workgroup> partial: array<${type}, ${lanes}>;
fn work(group: u32, lane: u32) {
  let at = group % ${results}u;
  let part = group / ${results}u;
  let first = firstOf(at);
  ${range}
  var sum = ${start};
  for (var r = part * ${each}u + lane; r < last; r += ${lanes}u) { sum = ${join("sum", "load0(first + offsetOf(r))")}; }
  partial[lane] = sum;
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = ${join("partial[lane]", "partial[lane + half]")}; }
  }
  if (lane == 0u) { store(group, partial[0]); }
}`;
    const groups = results * parts;
    return { parts, kernel: { variant: "a workgroup a result", code, lanes, groups, stores: inBands(groups, 1, 1) } };
  };
}

/** WGSL of the sheet of an operand whose leading axes broadcast to those of the result. */
export function sheetOf(own: Shape, to: Shape): string {
  const [from, all] = [own.slice(0, -2), to.slice(0, -2)];
  if (sizeOf(from) === 1) return "0u";
  if (sizeOf(from) === sizeOf(all)) return "sheet";
  const [outer, inner] = [stridesOf(all), stridesOf(from)];
  return plus(
    ...from.map((n, i) => {
      const axis = i + all.length - from.length;
      return n === 1 ? "0u" : times(`(sheet / ${outer[axis]}u % ${n}u)`, inner[i]!);
    }),
  );
}

const inParts = (device: WgslDevice, product: Product): CorePlan => {
  const parts = partsOf(device, product);
  return { kernel: productKernel(device, { ...product, parts }), parts };
};

const matmul: Build<"matmul"> = (device, [a, b], { transposeA, transposeB }, node) => {
  const [rows, columns] = node.shape.slice(-2) as [number, number];
  const inner = a!.shape.at(transposeA ? -2 : -1)!;
  const sheets = sizeOf(node.shape.slice(0, -2));
  const first = (x: Node, own: number) => {
    const sheet = sheetOf(x.shape, node.shape);
    return sheet === "0u" ? "" : `(${sheet}) * ${own}u + `;
  };
  return inParts(device, {
    sheets,
    rows,
    columns,
    inner,
    left: transposeA
      ? { index: `${first(a!, rows * inner)}k * ${rows}u + row`, along: "outer", four: rows % 4 === 0 }
      : { index: `${first(a!, rows * inner)}row * ${inner}u + k`, along: "inner", four: inner % 4 === 0 },
    right: transposeB
      ? { index: `${first(b!, inner * columns)}column * ${inner}u + k`, along: "inner", four: inner % 4 === 0 }
      : { index: `${first(b!, inner * columns)}k * ${columns}u + column`, along: "outer", four: columns % 4 === 0 },
  });
};

/**
 * A convolution as a product of the weight [O, C·K] with columns [C·K, places] that are read where they lie
 * (implicit GEMM, Chetlur et al. 2014).
 */
const conv: Build<"conv"> = (device, [x, w], { stride, padding }, node) => {
  const [batch, out, ...places] = node.shape as [number, number, number, number, number];
  const [, channels, ...kernel] = w!.shape as [number, number, number, number, number];
  const size = x!.shape.slice(2) as [number, number, number];
  const inner = channels * sizeOf(kernel);
  const columns = sizeOf(places);
  const left = { index: `row * ${inner}u + k`, along: "inner", four: inner % 4 === 0 } as const;
  const common = { sheets: batch, rows: out, columns, inner, left, loads: [1, 0] } as const;
  const plain = sizeOf(kernel) === 1 && stride.every((n) => n === 1) && padding.flat().every((n) => n === 0);
  if (plain) {
    const index = `(sheet * ${inner}u + k) * ${columns}u + column`;
    return inParts(device, { ...common, right: { index, along: "outer", four: columns % 4 === 0 } });
  }
  const code = new Code();
  const at = Place.flat(places, "column").axes(code);
  const of = Place.flat([channels, ...kernel], "k").axes(code);
  const inside: string[] = [];
  const from = size.map((n, axis) => {
    const [low] = padding[axis]!;
    const sum = code.let(plus(times(at[axis]!, stride[axis]!), of[axis + 1]!));
    const reach = (places[axis]! - 1) * stride[axis]! + kernel[axis]! - 1;
    if (low) inside.push(`${sum} >= ${low}u`);
    if (reach - low >= n) inside.push(`${sum} < ${n + low}u`);
    return low ? code.let(`${sum} - ${low}u`) : sum;
  });
  const index = code.let(
    plus(
      times(`(sheet * ${channels}u + ${of[0]})`, sizeOf(size)),
      ...from.map((place, axis) => times(place, sizeOf(size.slice(axis + 1)))),
    ),
  );
  const right = { index, along: "outer", four: false, before: code.text } as const;
  return inParts(device, { ...common, right: inside.length ? { ...right, inside: inside.join(" && ") } : right });
};

/** A lane an element of the table: looks through all indices. No atomics, so runs repeat to the bit. */
const scatterAdd: Build<"scatter-add"> = (_, [, indices], __, node) => {
  const [width, count] = [sizeOf(node.shape.slice(1)), sizeOf(indices!.shape)];
  const kernel = mapKernel(
    sizeOf(node.shape),
    `let row = i32(i / ${width}u);
  var sum = 0.0f;
  for (var j = 0u; j < ${count}u; j++) { if (load1(j) == row) { sum += load0(j * ${width}u + i % ${width}u); } }
  store(i, sum)`,
    "a lane an element",
  );
  return whole(kernel);
};

const kernelCore: Build<"kernel"> = (device, inputs, { kernel, options }, node) => {
  const form = kernel.fast!["webgpu"] as WebGpuForm<unknown>;
  return whole(form.build(device, inputs, options, node));
};

const builders: { [K in CoreOp]: Build<K> } = {
  sum: reduce("sum"),
  amax: reduce("amax"),
  matmul,
  conv,
  "scatter-add": scatterAdd,
  kernel: kernelCore,
};

export const buildCore = (device: WgslDevice, inputs: readonly Node[], node: Node): CorePlan =>
  (builders[node.op as CoreOp] as Build<CoreOp>)(device, inputs, node.attributes as never, node);
