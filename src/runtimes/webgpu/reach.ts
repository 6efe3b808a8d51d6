/** Which elements of the stored values that a group reads some of its result's elements need. */
import { type Span, type WebGpuForm, widened } from "../../kernels/wgsl.ts";
import { type Shape, sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes, OpName } from "../../tensor/ops.ts";
import type { Node } from "../../tensor/program.ts";
import { stridesOf } from "../../tensor/values.ts";
import { type Group, isLiteral } from "./fuse.ts";

/** The least and the largest index along each axis. */
type Box = readonly (readonly [low: number, high: number])[];

/** For each leaf the span from the first to the last element that `wanted` of the root's elements need, if any. */
export function reach(nodes: readonly Node[], { root, leaves }: Group, wanted: Span): ReadonlyMap<number, Span> {
  const ends = new Set(leaves);
  const pending = new Map([[root, wanted]]);
  const found = new Map<number, Span>();
  // Users come before operands, so that a node's span is whole when it is taken.
  while (pending.size) {
    const at = Math.max(...pending.keys());
    const span = pending.get(at)!;
    pending.delete(at);
    const node = nodes[at]!;
    if (at !== root && ends.has(at)) found.set(at, span);
    else if (!isLiteral(node)) {
      const operands = node.inputs.map((i) => nodes[i]!);
      for (const [i, [from, to]] of spansOf(node, operands, span).entries()) {
        const known = pending.get(node.inputs[i]!) ?? [from, to];
        if (from < to) pending.set(node.inputs[i]!, [Math.min(from, known[0]), Math.max(to, known[1])]);
      }
    }
  }
  return found;
}

const nothing: Span = [0, 0];
const whole = ({ shape }: Node): Span => [0, sizeOf(shape)];

/** The smallest box around a span: one index on the outer axes, some on the next, all on the inner ones. */
function boxOf(shape: Shape, [from, to]: Span): Box {
  let [first, last] = [from, to - 1];
  let single = true;
  return stridesOf(shape).map((stride, axis) => {
    const [low, high] = [Math.floor(first / stride), Math.floor(last / stride)];
    [first, last] = [first % stride, last % stride];
    if (!single) return [0, shape[axis]! - 1];
    single = low === high;
    return [low, high];
  });
}

/** From the first to the last element of a box, or nothing where it has none. */
function spanOf(shape: Shape, box: Box): Span {
  if (box.some(([low, high]) => low > high)) return nothing;
  const strides = stridesOf(shape);
  const at = (end: 0 | 1) => box.reduce((sum, ends, axis) => sum + ends[end] * strides[axis]!, 0);
  return [at(0), at(1) + 1];
}

/** What broadcasting an operand to a shape makes of a box. */
const broadcastBox = (own: Shape, box: Box): Box =>
  own.map((n, axis) => (n === 1 ? [0, 0] : box[axis + box.length - own.length]!));

/** The operands' parts that a box of the result needs. */
type Needs<K extends OpName> = (box: Box, inputs: readonly Node[], attributes: OpAttributes[K], span: Span) => Span[];

const reduced: Needs<"sum" | "amax"> = (box, [x], { axes }) => [
  spanOf(
    x!.shape,
    box.map((ends, axis) => (axes.includes(axis) ? [0, x!.shape[axis]! - 1] : ends)),
  ),
];

/** Operations that read other elements than those at the result's own place. */
const needs: { readonly [K in OpName]?: Needs<K> } = {
  reshape: (_, __, ___, span) => [span],
  barrier: (_, __, ___, span) => [span, nothing],
  permute: (box, [x], { order }) => [
    spanOf(
      x!.shape,
      x!.shape.map((_, axis) => box[order.indexOf(axis)]!),
    ),
  ],
  slice: (box, [x], { start, step }) => [
    spanOf(
      x!.shape,
      box.map(([low, high], axis) => [start[axis]! + low * step[axis]!, start[axis]! + high * step[axis]!]),
    ),
  ],
  flip: (box, [x], { axes }) => [
    spanOf(
      x!.shape,
      box.map(([low, high], axis) => {
        const end = x!.shape[axis]! - 1;
        return axes.includes(axis) ? [end - high, end - low] : [low, high];
      }),
    ),
  ],
  pad: (box, [x], { before }) => [
    spanOf(
      x!.shape,
      box.map(([low, high], axis) => inside(low - before[axis]!, high - before[axis]!, x!.shape[axis]!)),
    ),
  ],
  concat: (box, inputs, { axis: along }) => {
    let start = 0;
    return inputs.map(({ shape }) => {
      const own = box.map(([low, high], axis) =>
        axis === along ? inside(low - start, high - start, shape[axis]!) : ([low, high] as const),
      );
      start += shape[along]!;
      return spanOf(shape, own);
    });
  },
  gather: (box, [table, indices]) => {
    const rank = indices!.shape.length;
    const rows = [0, table!.shape[0]! - 1] as const;
    return [spanOf(table!.shape, [rows, ...box.slice(rank)]), spanOf(indices!.shape, box.slice(0, rank))];
  },
  sum: reduced,
  amax: reduced,
  matmul: (box, [a, b], { transposeA, transposeB }) => {
    const [row, column] = box.slice(-2) as [Box[number], Box[number]];
    const sheets = (x: Node) => broadcastBox(x.shape.slice(0, -2), box.slice(0, -2));
    const inner = [0, a!.shape.at(transposeA ? -2 : -1)! - 1] as const;
    return [
      spanOf(a!.shape, [...sheets(a!), ...(transposeA ? [inner, row] : [row, inner])]),
      spanOf(b!.shape, [...sheets(b!), ...(transposeB ? [column, inner] : [inner, column])]),
    ];
  },
  conv: ([batch, channel], [x, w]) => {
    const rows = ([low, high]: Box[number], { shape }: Node) => widened([low, high + 1], sizeOf(shape.slice(1)));
    return [rows(batch!, x!), rows(channel!, w!)];
  },
  "scatter-add": (_, inputs) => inputs.map(whole),
  kernel: (_, inputs, { kernel, options }, span) => {
    const form = kernel.fast!["webgpu"] as WebGpuForm<unknown>;
    const known = form.needs?.(inputs, options, span) ?? [];
    return inputs.map((x, i) => known[i] ?? whole(x));
  },
};

const inside = (low: number, high: number, size: number) => [Math.max(0, low), Math.min(size - 1, high)] as const;

function spansOf(node: Node, inputs: readonly Node[], span: Span): readonly Span[] {
  const box = boxOf(node.shape, span);
  const own = needs[node.op] as Needs<OpName> | undefined;
  if (own) return own(box, inputs, node.attributes as never, span);
  return inputs.map(({ shape }) =>
    sizeOf(shape) === sizeOf(node.shape) ? span : spanOf(shape, broadcastBox(shape, box)),
  );
}
