/** Arithmetic of a program: what `plan` estimates time from and benchmarks divide by. */
import { sizeOf } from "./dtype.ts";
import type { OpAttributes, OpName, Typed } from "./ops.ts";
import { buildProgram, type Node, type Program } from "./program.ts";
import { input } from "./tensor.ts";

type Count<K extends OpName> = (out: Typed, inputs: readonly Typed[], attributes: OpAttributes[K]) => number;

const none = (): number => 0;
const perResult = (out: Typed): number => sizeOf(out.shape);
const perOperand = (_: Typed, [x]: readonly Typed[]): number => sizeOf(x!.shape);

/** Floating-point operations of each primitive: two for a multiply-add, one for a function of an element. */
const counts = {
  input: none,
  parameter: none,
  constant: none,
  fill: none,
  neg: perResult,
  exp: perResult,
  log: perResult,
  sqrt: perResult,
  rsqrt: perResult,
  sin: perResult,
  cos: perResult,
  tanh: perResult,
  sigmoid: perResult,
  abs: perResult,
  sign: perResult,
  floor: perResult,
  not: none,
  cast: none,
  add: perResult,
  sub: perResult,
  mul: perResult,
  div: perResult,
  pow: perResult,
  max: perResult,
  min: perResult,
  less: perResult,
  equal: perResult,
  select: none,
  sum: perOperand,
  amax: perOperand,
  matmul: (out, [a], { transposeA }) => 2 * sizeOf(out.shape) * a!.shape.at(transposeA ? -2 : -1)!,
  conv: (out, [, w]) => 2 * sizeOf(out.shape) * sizeOf(w!.shape.slice(1)),
  reshape: none,
  permute: none,
  broadcast: none,
  slice: none,
  pad: none,
  concat: none,
  flip: none,
  gather: none,
  "scatter-add": perOperand,
  barrier: none,
  kernel: none, // counted through its definition
} satisfies { [K in OpName]: Count<K> };

const ofPrimitive = (op: OpName, out: Typed, inputs: readonly Typed[], attributes: unknown): number =>
  (counts[op] as (out: Typed, inputs: readonly Typed[], attributes: unknown) => number)(out, inputs, attributes);

/** Floating-point operations of each node of a program. */
export function nodeFlops({ nodes }: Program): number[] {
  const known = new Map<string, number>();
  const ofKernel = (node: Node, operands: readonly Typed[]): number => {
    const { kernel, options } = node.attributes as OpAttributes["kernel"];
    const key = `${kernel.name} ${JSON.stringify(options)} ${operands.map((x) => x.shape.join("x")).join()}`;
    let count = known.get(key);
    if (count === undefined) {
      const traced = operands.map(({ shape, dtype }, i) => input(`operand ${i}`, shape, dtype));
      known.set(key, (count = flops(buildProgram({ out: kernel.definition(traced, options) }))));
    }
    return count;
  };
  return nodes.map((node) => {
    const operands = node.inputs.map((i) => nodes[i]!);
    return node.op === "kernel" ? ofKernel(node, operands) : ofPrimitive(node.op, node, operands, node.attributes);
  });
}

/** Floating-point operations of one run. */
export const flops = (program: Program): number => nodeFlops(program).reduce((sum, n) => sum + n, 0);
