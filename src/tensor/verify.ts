/** Checks that a program is what runtimes take it for. Passes and hand-made programs are tested with it. */
import { ShapeError } from "../base/errors.ts";
import { type DType, formatShape, sizeOf } from "./dtype.ts";
import { infer } from "./infer.ts";
import type { OpAttributes, OpName, Typed } from "./ops.ts";
import type { Node, Program } from "./program.ts";
import { input } from "./tensor.ts";

/** How many operands an operation takes: exactly, or from a number up. */
const arity = {
  input: 0,
  parameter: 0,
  constant: 0,
  fill: 0,
  neg: 1,
  exp: 1,
  log: 1,
  sqrt: 1,
  rsqrt: 1,
  sin: 1,
  cos: 1,
  tanh: 1,
  sigmoid: 1,
  abs: 1,
  sign: 1,
  floor: 1,
  not: 1,
  cast: 1,
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  pow: 2,
  max: 2,
  min: 2,
  less: 2,
  equal: 2,
  select: 3,
  sum: 1,
  amax: 1,
  matmul: 2,
  conv: 2,
  reshape: 1,
  permute: 1,
  broadcast: 1,
  slice: 1,
  pad: 1,
  concat: "any",
  flip: 1,
  gather: 2,
  "scatter-add": 2,
  barrier: 2,
  kernel: "any",
} satisfies { [K in OpName]: number | "any" };

/** What a node is called in errors: `linear %12`. */
function title(node: Node, at: number): string {
  const name = node.op === "kernel" ? (node.attributes as OpAttributes["kernel"]).kernel.name : node.op;
  return `${name} %${at}${node.name === undefined ? "" : ` ${node.name}`}`;
}

const typeOf = ({ dtype, shape }: Typed): string => `${dtype} ${formatShape(shape)}`;

const sameType = (a: Typed, b: Typed): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((n, axis) => n === b.shape[axis]);

/** Shape and dtype of kernel calls by tracing their definitions, once for each kind of call. */
class KernelTypes {
  readonly #known = new Map<string, Typed>();

  of({ kernel, options }: OpAttributes["kernel"], operands: readonly Typed[]): Typed {
    const key = `${kernel.name} ${JSON.stringify(options)} ${operands.map(typeOf).join()}`;
    let type = this.#known.get(key);
    if (!type) {
      const traced = kernel.definition(
        operands.map(({ shape, dtype }, i) => input(`operand ${i}`, shape, dtype)),
        options,
      );
      type = { shape: traced.shape, dtype: traced.dtype };
      this.#known.set(key, type);
    }
    return type;
  }
}

const hostArrays: Record<DType, readonly string[]> = {
  f32: ["Float32Array", "Float64Array"],
  f16: ["Uint16Array"],
  bf16: ["Uint16Array"],
  i32: ["Int32Array"],
  bool: ["Uint8Array"],
};

/**
 * Throws a ShapeError where operands do not come before their users, where shapes or dtypes are not those of the
 * operation table, where names are taken twice, or where an update does not fit its parameter. `where` is the path of
 * the layer.
 */
export function verify(program: Program): void {
  const { nodes } = program;
  const kernels = new KernelTypes();
  for (const [at, node] of nodes.entries()) {
    const fault = nodeFault(node, at, nodes, kernels);
    if (fault) throw new ShapeError(`${title(node, at)}: ${fault}`, { where: node.scope || undefined });
  }
  verifyNames(program);
  const nodeAt = (at: number, what: string): Node => {
    if (nodes[at]) return nodes[at];
    throw new ShapeError(`${what} is node %${at}, the program has ${nodes.length}`);
  };
  for (const [name, at] of program.outputs) nodeAt(at, `output ${name}`);
  for (const [name, at] of program.updates) {
    const value = nodeAt(at, `the update of ${name}`);
    const target = program.parameters.get(name);
    if (target === undefined) throw new ShapeError(`an update of ${name}, which is no parameter of the program`);
    if (!sameType(value, nodes[target]!))
      throw new ShapeError(`the parameter ${name} is ${typeOf(nodes[target]!)}, its update ${typeOf(value)}`, {
        where: value.scope || undefined,
      });
  }
}

function nodeFault(node: Node, at: number, nodes: readonly Node[], kernels: KernelTypes): string | undefined {
  const takes = arity[node.op];
  if (takes === undefined) return "no such operation";
  if (takes === "any" ? node.inputs.length < 1 : node.inputs.length !== takes)
    return `takes ${takes === "any" ? "some" : takes} operands, got ${node.inputs.length}`;
  for (const from of node.inputs)
    if (!(Number.isInteger(from) && from >= 0 && from < at)) return `reads %${from}, which is not computed before it`;
  if (!node.shape.every((n) => Number.isInteger(n) && n > 0))
    return `sizes must be whole numbers from 1, got ${formatShape(node.shape)}`;
  let expected: Typed;
  try {
    expected = typeByRule(node, node.inputs.map((i) => nodes[i]!) as readonly Node[], kernels);
  } catch (error) {
    if (error instanceof ShapeError) return error.message;
    throw error;
  }
  if (!sameType(node, expected)) return `is ${typeOf(node)}, its operands make ${typeOf(expected)}`;
  return node.op === "constant" ? constantFault(node) : undefined;
}

function typeByRule(node: Node, operands: readonly Typed[], kernels: KernelTypes): Typed {
  if (node.op === "kernel") return kernels.of(node.attributes as OpAttributes["kernel"], operands);
  return (infer[node.op] as (attributes: unknown, inputs: readonly Typed[]) => Typed)(node.attributes, operands);
}

function constantFault({ attributes, dtype, shape }: Node): string | undefined {
  const { data } = (attributes as OpAttributes["constant"]).value;
  if (data.length !== sizeOf(shape)) return `holds ${data.length} values, its shape ${sizeOf(shape)}`;
  return hostArrays[dtype].includes(data.constructor.name) ? undefined : `${dtype} values in ${data.constructor.name}`;
}

/** Each input and parameter node is the one that its name stands for. */
function verifyNames({ nodes, inputs, parameters }: Program): void {
  for (const [kind, table] of [
    ["input", inputs],
    ["parameter", parameters],
  ] as const) {
    for (const [name, at] of table)
      if (nodes[at]?.op !== kind || nodes[at].name !== name)
        throw new ShapeError(`the ${kind} ${name} is not node %${at}`);
    for (const [at, node] of nodes.entries())
      if (node.op === kind && table.get(node.name ?? "") !== at)
        throw new ShapeError(`two ${kind}s are called ${node.name}`, { where: node.scope || undefined });
  }
  for (const name of inputs.keys())
    if (parameters.has(name)) throw new ShapeError(`an input and a parameter are both called ${name}`);
}
