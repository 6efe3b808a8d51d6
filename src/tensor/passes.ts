/** Rewrites that leave a program's meaning alone: constant folding, common subexpressions, dead code. */
import { type Shape, sizeOf } from "./dtype.ts";
import { evaluate } from "./evaluate.ts";
import type { OpAttributes } from "./ops.ts";
import type { Node, Program } from "./program.ts";
import { hostValues, type Value, type Values } from "./values.ts";

/** Results of folding larger than this stay computed: a program should not carry big tables that are cheap to make. */
const foldLimit = 1 << 16;

/** Applies all passes once, in order. */
export const optimise = (program: Program): Program => removeDead(mergeCommon(foldConstants(simplify(program))));

/** A program with other nodes; what none of its old nodes moved to is gone. */
function withNodes(program: Program, nodes: readonly Node[], moved: ReadonlyMap<number, number>): Program {
  const follow = (map: ReadonlyMap<string, number>) =>
    new Map([...map].filter(([, at]) => moved.has(at)).map(([name, at]) => [name, moved.get(at)!]));
  return {
    nodes,
    inputs: follow(program.inputs),
    parameters: follow(program.parameters),
    outputs: follow(program.outputs),
    updates: follow(program.updates),
  };
}

/** Rebuilds a program node by node; `rewrite` answers a replacement node, or the index of an equal earlier one. */
function rebuild(program: Program, rewrite: (node: Node, emitted: readonly Node[]) => Node | number): Program {
  const nodes: Node[] = [];
  const moved = new Map<number, number>();
  for (const [at, node] of program.nodes.entries()) {
    const next = rewrite({ ...node, inputs: node.inputs.map((i) => moved.get(i)!) }, nodes);
    moved.set(at, typeof next === "number" ? next : nodes.push(next) - 1);
  }
  return withNodes(program, nodes, moved);
}

const same = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** x + 0, x * 1, reshape of reshape, parts of what was joined, and arithmetic with a zero fill, which gradients leave behind. */
export function simplify(program: Program): Program {
  return rebuild(program, (node, emitted) => {
    const [a, b] = node.inputs.map((i) => emitted[i]!);
    const filled = (x: Node | undefined, value: number) =>
      x?.op === "fill" && (x.attributes as OpAttributes["fill"]).value === value;
    const keeps = (x: Node | undefined) => x !== undefined && same(x.shape, node.shape) && x.dtype === node.dtype;
    if (node.op === "add" && filled(b, 0) && keeps(a)) return node.inputs[0]!;
    if (node.op === "add" && filled(a, 0) && keeps(b)) return node.inputs[1]!;
    if (node.op === "sub" && filled(b, 0) && keeps(a)) return node.inputs[0]!;
    if (node.op === "mul" && filled(b, 1) && keeps(a)) return node.inputs[0]!;
    if (node.op === "mul" && filled(a, 1) && keeps(b)) return node.inputs[1]!;
    if (node.op === "mul" && (filled(a, 0) || filled(b, 0)))
      return { ...node, op: "fill", inputs: [], attributes: { value: 0, shape: node.shape, dtype: node.dtype } };
    if (node.op === "reshape" && keeps(a)) return node.inputs[0]!;
    if (node.op === "reshape" && a!.op === "reshape")
      return keeps(emitted[a!.inputs[0]!]) ? a!.inputs[0]! : { ...node, inputs: a!.inputs };
    if (node.op === "slice" && a!.op === "concat") return sliceOfConcat(node, a!, emitted);
    if (node.op === "slice" && a!.op === "pad") return sliceOfPad(node, a!, emitted);
    if (["reshape", "broadcast", "permute", "slice"].includes(node.op) && a!.op === "fill")
      return {
        ...a!,
        shape: node.shape,
        scope: node.scope,
        attributes: { ...(a!.attributes as OpAttributes["fill"]), shape: node.shape },
      };
    return node;
  });
}

/** A slice that lies in one of the joined parts is a slice of that part. */
function sliceOfConcat(node: Node, { attributes, inputs }: Node, emitted: readonly Node[]): Node | number {
  const { axis } = attributes as OpAttributes["concat"];
  const { start, stop } = node.attributes as OpAttributes["slice"];
  let before = 0;
  for (const part of inputs) {
    const after = before + emitted[part]!.shape[axis]!;
    if (start[axis]! >= before && stop[axis]! <= after)
      return slicedFrom(
        node,
        part,
        start.map((_, i) => (i === axis ? before : 0)),
        emitted,
      );
    before = after;
  }
  return node;
}

/** A slice that misses the padding is a slice of what was padded; one that lies in it is zero. */
function sliceOfPad(node: Node, { attributes, inputs }: Node, emitted: readonly Node[]): Node | number {
  const { before } = attributes as OpAttributes["pad"];
  const { start, stop } = node.attributes as OpAttributes["slice"];
  const after = emitted[inputs[0]!]!.shape.map((n, axis) => before[axis]! + n);
  if (before.some((first, axis) => stop[axis]! <= first || start[axis]! >= after[axis]!))
    return { ...node, op: "fill", inputs: [], attributes: { value: 0, shape: node.shape, dtype: node.dtype } };
  if (before.some((first, axis) => start[axis]! < first || stop[axis]! > after[axis]!)) return node;
  return slicedFrom(node, inputs[0]!, before, emitted);
}

/** The slice, moved by `offset`, of another node; that node itself where it takes all of it. */
function slicedFrom(node: Node, from: number, offset: readonly number[], emitted: readonly Node[]): Node | number {
  const { start, stop, step } = node.attributes as OpAttributes["slice"];
  const moved = {
    start: start.map((n, axis) => n - offset[axis]!),
    stop: stop.map((n, axis) => n - offset[axis]!),
    step,
  };
  return same(node.shape, emitted[from]!.shape) ? from : { ...node, inputs: [from], attributes: moved };
}

/** Computes what depends on constants alone. */
export function foldConstants(program: Program): Program {
  const known = new Map<Node, Value>();
  const constantOf = (node: Node): Value | undefined => {
    if (node.op === "constant")
      return { shape: node.shape, data: hostValues((node.attributes as OpAttributes["constant"]).value) };
    if (node.op === "fill" && sizeOf(node.shape) <= foldLimit)
      return { shape: node.shape, data: evaluate.fill([], node.attributes as OpAttributes["fill"]) };
    return known.get(node);
  };
  return rebuild(program, (node, emitted) => {
    if (!node.inputs.length || node.op === "barrier" || node.op === "kernel" || sizeOf(node.shape) > foldLimit)
      return node;
    if (node.dtype === "f16" || node.dtype === "bf16") return node;
    const values = node.inputs.map((i) => constantOf(emitted[i]!));
    if (!values.every((value) => value !== undefined)) return node;
    const run = evaluate[node.op] as (inputs: readonly Value[], a: unknown, shape: Shape) => Values;
    const data = run(values, node.attributes, node.shape);
    const value = {
      dtype: node.dtype,
      shape: node.shape,
      data: data instanceof Float64Array ? Float32Array.from(data) : data,
    };
    const folded: Node = { ...node, op: "constant", inputs: [], attributes: { value } };
    known.set(folded, { shape: node.shape, data });
    return folded;
  });
}

/** Computes equal things once. Recomputed blocks stay apart because their inputs pass through barriers. */
export function mergeCommon(program: Program): Program {
  const seen = new Map<string, number>();
  const ids = new Map<object, number>();
  const identity = (x: object): number => {
    if (!ids.has(x)) ids.set(x, ids.size);
    return ids.get(x)!;
  };
  return rebuild(program, (node, emitted) => {
    const key = keyOf(node, identity);
    const known = seen.get(key);
    if (known !== undefined) return known;
    seen.set(key, emitted.length);
    return node;
  });
}

function keyOf(node: Node, identity: (x: object) => number): string {
  const head = `${node.op}(${node.inputs.join()})${node.dtype}[${node.shape.join()}]`;
  if (node.name) return `${head}${node.name}`;
  if (node.op === "constant") {
    const { data } = (node.attributes as OpAttributes["constant"]).value;
    return data.length <= 64 ? `${head}${data.join()}` : `${head}#${identity(data)}`;
  }
  if (node.op === "kernel") {
    const { kernel, options } = node.attributes as OpAttributes["kernel"];
    return `${head}${kernel.name}${JSON.stringify(options)}`;
  }
  return head + JSON.stringify(node.attributes);
}

/** Drops what no output and no update needs. Inputs stay, so that callers may hand in all of them. */
export function removeDead(program: Program): Program {
  const live = new Set<number>();
  const pending = [...program.outputs.values(), ...program.updates.values(), ...program.inputs.values()];
  for (const name of program.updates.keys()) pending.push(program.parameters.get(name)!);
  while (pending.length) {
    const at = pending.pop()!;
    if (live.has(at)) continue;
    live.add(at);
    pending.push(...program.nodes[at]!.inputs);
  }
  const moved = new Map<number, number>();
  const nodes: Node[] = [];
  for (const [at, node] of program.nodes.entries())
    if (live.has(at)) moved.set(at, nodes.push({ ...node, inputs: node.inputs.map((i) => moved.get(i)!) }) - 1);
  return withNodes(program, nodes, moved);
}
