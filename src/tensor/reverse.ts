/**
 * Reverse-mode gradients, as graphs: for each primitive, what the gradient `g` of its result means for its
 * operands. `undefined` where no gradient flows.
 */
import { convInputGradient, convWeightGradient, dilate } from "./conv-gradients.ts";
import type { Shape } from "./dtype.ts";
import type { OpAttributes, OpName } from "./ops.ts";
import type { Region } from "./region.ts";
import { within } from "./scope.ts";
import { apply, call, fill, type Tensor } from "./tensor.ts";

type Gradients = (Tensor | undefined)[];
type Pullback<K extends OpName> = (
  g: Tensor,
  out: Tensor,
  inputs: readonly Tensor[],
  attributes: OpAttributes[K],
) => Gradients;

/** Sums `g` over the axes along which an operand of `shape` was broadcast. */
export function unbroadcast(g: Tensor, shape: Shape): Tensor {
  const lead = g.rank - shape.length;
  const axes = g.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && g.shape[axis] !== 1));
  return (axes.length ? g.sum(axes, true) : g).reshape(...shape);
}

const none = (): Gradients => [];

/** Matrix gradients for every combination of transposed operands. */
function matmulGradients(g: Tensor, a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Gradients {
  const forA = transposeA
    ? b.matmul(g, { transposeA: transposeB, transposeB: true })
    : g.matmul(b, { transposeB: !transposeB });
  // A shared matrix behind a batch of rows: one product over all rows instead of one per item and a sum.
  if (b.rank === 2 && a.rank > 2 && !transposeA) {
    const rows = a.reshape(-1, a.shape.at(-1)!);
    const flat = g.reshape(-1, g.shape.at(-1)!);
    return [forA, transposeB ? flat.matmul(rows, { transposeA: true }) : rows.matmul(flat, { transposeA: true })];
  }
  const forB = transposeB
    ? g.matmul(a, { transposeA: true, transposeB: transposeA })
    : a.matmul(g, { transposeA: !transposeA });
  return [unbroadcast(forA, a.shape), unbroadcast(forB, b.shape)];
}

export const pullbacks = {
  input: none,
  parameter: none,
  constant: none,
  fill: none,
  neg: (g) => [g.neg()],
  exp: (g, out) => [g.mul(out)],
  log: (g, _, [x]) => [g.div(x!)],
  sqrt: (g, out) => [g.mul(0.5).div(out)],
  rsqrt: (g, out) => [g.mul(out.mul(out).mul(out)).mul(-0.5)],
  sin: (g, _, [x]) => [g.mul(x!.cos())],
  cos: (g, _, [x]) => [g.mul(x!.sin()).neg()],
  tanh: (g, out) => [g.sub(g.mul(out).mul(out))],
  sigmoid: (g, out) => [g.mul(out.sub(out.mul(out)))],
  abs: (g, _, [x]) => [g.mul(x!.sign())],
  sign: none,
  floor: none,
  not: none,
  cast: (g, _, [x]) => [x!.dtype === "bool" || x!.dtype === "i32" ? undefined : g.cast(x!.dtype)],
  add: (g, _, [a, b]) => [unbroadcast(g, a!.shape), unbroadcast(g, b!.shape)],
  sub: (g, _, [a, b]) => [unbroadcast(g, a!.shape), unbroadcast(g.neg(), b!.shape)],
  mul: (g, _, [a, b]) => [unbroadcast(g.mul(b!), a!.shape), unbroadcast(g.mul(a!), b!.shape)],
  div: (g, out, [a, b]) => [unbroadcast(g.div(b!), a!.shape), unbroadcast(g.mul(out).div(b!).neg(), b!.shape)],
  pow: (g, out, [a, b]) => [
    unbroadcast(g.mul(b!).mul(a!.pow(b!.sub(1))), a!.shape),
    unbroadcast(g.mul(out).mul(a!.log()), b!.shape),
  ],
  max: (g, _, [a, b]) => chosen(g, b!.less(a!), a!, b!),
  min: (g, _, [a, b]) => chosen(g, a!.less(b!), a!, b!),
  less: none,
  equal: none,
  select: (g, _, [condition, a, b]) => [undefined, ...chosen(g, condition!, a!, b!)],
  sum: (g, _, [x]) => [g.broadcast(x!.shape)],
  amax: (g, out, [x], { axes }) => {
    const hit = x!.equal(out.broadcast(x!.shape)).cast(x!.dtype);
    return [hit.mul(g.div(hit.sum(axes, true)))]; // shared among equal maxima
  },
  matmul: (g, _, [a, b], { transposeA, transposeB }) => matmulGradients(g, a!, b!, transposeA, transposeB),
  conv: (g, _, [x, w], attributes) => [
    convInputGradient(g, x!.shape, w!, attributes),
    convWeightGradient(g, x!, w!.shape, attributes),
  ],
  reshape: (g, _, [x]) => [g.reshape(...x!.shape)],
  permute: (g, _, __, { order }) => [g.permute(...order.map((_, axis) => order.indexOf(axis)))],
  broadcast: (g, _, [x]) => [unbroadcast(g, x!.shape)],
  slice: (g, _, [x], { start, step }) => {
    let spread = g;
    for (const [axis, n] of step.entries()) spread = dilate(spread, axis, n);
    return [
      spread.pad(
        start,
        x!.shape.map((n, axis) => n - start[axis]! - spread.shape[axis]!),
      ),
    ];
  },
  pad: (g, _, [x], { before }) => {
    let inner = g;
    for (const [axis, n] of x!.shape.entries()) inner = inner.slice(axis, before[axis]!, before[axis]! + n);
    return [inner];
  },
  concat: (g, _, inputs, { axis }) =>
    g.split(
      inputs.map((x) => x.shape[axis]!),
      axis,
    ),
  flip: (g, _, __, { axes }) => [g.flip(...axes)],
  gather: (g, _, [table, indices]) => [g.scatterAdd(indices!, table!.shape[0]!)],
  "scatter-add": (g, _, [, indices]) => [g.gather(indices!)],
  barrier: (g) => [g],
  kernel: none, // handled in `gradients`: through the kernel's own rule or its definition
} satisfies { [K in OpName]: Pullback<K> };

function chosen(g: Tensor, condition: Tensor, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const zero = fill(0, g.shape, g.dtype);
  return [unbroadcast(condition.select(g, zero), a.shape), unbroadcast(condition.select(zero, g), b.shape)];
}

/** Operands in the sense of gradients: a kernel without a rule of its own stands for its definition. */
function sources(node: Tensor): readonly Tensor[] {
  return node.is("kernel") && !node.attributes.kernel.pullback ? [node.expansion!] : node.inputs;
}

/** Nodes that lie between `wrt` and `outputs`, operands before users. */
function between(outputs: readonly Tensor[], wrt: ReadonlySet<Tensor>): Tensor[] {
  const reaches = new Map<Tensor, boolean>();
  const order: Tensor[] = [];
  const pending: { node: Tensor; next: number }[] = [];
  for (const output of outputs) {
    if (!reaches.has(output)) pending.push({ node: output, next: 0 });
    while (pending.length) {
      const top = pending.at(-1)!;
      const from = sources(top.node);
      if (top.next === 0 && reaches.has(top.node)) {
        pending.pop();
      } else if (top.next < from.length) {
        const child = from[top.next++]!;
        if (!reaches.has(child)) pending.push({ node: child, next: 0 });
      } else {
        pending.pop();
        const hit = wrt.has(top.node) || from.some((x) => reaches.get(x));
        reaches.set(top.node, hit);
        if (hit) order.push(top.node);
      }
    }
  }
  return order;
}

/** Copies of a region's nodes that read the outside through barriers, so that they run in the backward pass. */
class Recomputation {
  readonly #copies = new Map<Tensor, Tensor>();
  readonly #region: Region;
  readonly #after: Tensor;

  constructor(region: Region, after: Tensor) {
    this.#region = region;
    this.#after = after;
  }

  copy(node: Tensor): Tensor {
    const known = this.#copies.get(node);
    if (known) return known;
    const made = this.#make(node);
    this.#copies.set(node, made);
    return made;
  }

  #make(node: Tensor): Tensor {
    if (node.op === "parameter" || node.op === "constant" || node.op === "fill") return node;
    if (node.region !== this.#region) return node.barrier(this.#after);
    if (node.is("kernel") && !node.attributes.kernel.pullback) return this.copy(node.expansion!);
    const inputs = node.inputs.map((x) => this.copy(x));
    return within(node.scope, () =>
      node.is("kernel")
        ? call(node.attributes.kernel, inputs, node.attributes.options)
        : apply(node.op, node.attributes, inputs),
    );
  }
}

/**
 * Gradients of a scalar (or of the dot product of `output` with `seed`) with respect to each of `wrt`, as tensors
 * of the same program. What does not depend on a tensor has a zero gradient.
 */
export function gradients(
  output: Tensor,
  wrt: readonly Tensor[],
  seed: Tensor = fill(1, output.shape, output.dtype),
): Tensor[] {
  const arrived = new Map<Tensor, Tensor>([[output, seed]]);
  const recomputations = new Map<Region, Recomputation>();
  const wanted = new Set(wrt);
  const add = (node: Tensor, g: Tensor): void => {
    const sum = arrived.get(node);
    arrived.set(node, sum ? within(node.scope, () => sum.add(g)) : g);
  };
  const path = between([output], wanted);
  const onPath = new Set(path);
  for (const node of path.reverse()) {
    const g = arrived.get(node);
    if (!g || node.op === "parameter" || node.op === "input") continue;
    if (node.is("kernel") && !node.attributes.kernel.pullback) {
      // A recomputed block's first pass may stay as fast as it is: the copy is what gradients go through.
      if (!node.region) node.differentiated = true;
      add(node.expansion!, g);
      continue;
    }
    let [out, inputs]: [Tensor, readonly Tensor[]] = [node, node.inputs];
    if (node.region) {
      let again = recomputations.get(node.region);
      if (!again) recomputations.set(node.region, (again = new Recomputation(node.region, g)));
      const redo = again;
      [out, inputs] = [redo.copy(node), node.inputs.map((x) => redo.copy(x))];
    }
    const parts = within(node.scope, () =>
      node.is("kernel")
        ? node.attributes.kernel.pullback!(g, out, inputs, node.attributes.options)
        : (pullbacks[node.op] as Pullback<OpName>)(g, out, inputs, node.attributes),
    );
    for (const [index, part] of parts.entries())
      if (part && onPath.has(node.inputs[index]!)) add(node.inputs[index]!, part);
  }
  return wrt.map((x) => arrived.get(x) ?? fill(0, x.shape, x.dtype));
}
