/** A traced computation, closed: what runtimes compile and `plan` measures. */
import { ShapeError } from "../base/errors.ts";
import { type DType, formatShape, type Shape } from "./dtype.ts";
import type { Kernel } from "./kernel.ts";
import type { OpName } from "./ops.ts";
import { optimise } from "./passes.ts";
import type { Tensor } from "./tensor.ts";

/** One step of a program. Operands are earlier nodes, by index. */
export interface Node {
  readonly op: OpName;
  readonly attributes: Tensor["attributes"];
  readonly inputs: readonly number[];
  readonly shape: Shape;
  readonly dtype: DType;
  readonly scope: string;
  /** Name of an input or a parameter. */
  readonly name?: string | undefined;
}

export interface Program {
  readonly nodes: readonly Node[];
  /** Node index by name. */
  readonly inputs: ReadonlyMap<string, number>;
  readonly parameters: ReadonlyMap<string, number>;
  readonly outputs: ReadonlyMap<string, number>;
  /** New values of parameters: parameter name to node index. The device keeps them for the next run. */
  readonly updates: ReadonlyMap<string, number>;
}

export interface ProgramOptions {
  /** New values for parameters, by the parameter's tensor. */
  updates?: ReadonlyMap<Tensor, Tensor>;
  /** Whether the target runs a kernel itself; the others are replaced by their definitions. Default: none. */
  keep?: (kernel: Kernel, node: Tensor) => boolean;
}

/** Closes the graph behind `outputs` (and updates) into an optimised program. */
export function buildProgram(
  outputs: Record<string, Tensor>,
  { updates = new Map(), keep = () => false }: ProgramOptions = {},
): Program {
  const index = new Map<Tensor, number>();
  const nodes: Node[] = [];
  const inputs = new Map<string, number>();
  const parameters = new Map<string, number>();

  /** What stands for a kernel call that is not kept. */
  const resolve = (node: Tensor): Tensor => {
    let current = node;
    while (current.is("kernel") && (current.differentiated || !keep(current.attributes.kernel, current))) {
      current = current.expansion!;
    }
    return current;
  };

  const reached = new Set<Tensor>();
  const reach = (root: Tensor): Tensor => {
    const pending = [resolve(root)];
    while (pending.length) {
      const node = pending.pop()!;
      if (reached.has(node)) continue;
      reached.add(node);
      pending.push(...node.inputs.map(resolve));
    }
    return resolve(root);
  };
  const outputRoots = Object.entries(outputs).map(([name, x]) => [name, reach(x)] as const);
  const updateRoots = [...updates].map(([target, value]) => [nameOf(reach(target)), reach(value)] as const);

  const enter = (table: Map<string, number>, name: string, { op, shape, dtype }: Tensor): void => {
    const other = nodes[table.get(name) ?? -1];
    // Inputs of one name and type are one input; parameters of one name would share a weight by accident.
    if (other && (op === "parameter" || formatShape(other.shape) !== formatShape(shape) || other.dtype !== dtype))
      throw new ShapeError(`two ${op}s are called ${name}`, {
        hint: op === "parameter" ? "mount the models of one program under different paths" : "give them two names",
      });
    table.set(name, nodes.length);
  };

  // In the order of tracing: operands come before their users, and a weight's gradient is made where the backward
  // pass has its operands at hand, rather than at the end.
  for (const node of [...reached].sort((a, b) => a.id - b.id)) {
    const { op, attributes, shape, dtype, scope } = node;
    const name = op === "input" || op === "parameter" ? nameOf(node) : undefined;
    if (name !== undefined) enter(op === "input" ? inputs : parameters, name, node);
    index.set(node, nodes.length);
    nodes.push({ op, attributes, inputs: node.inputs.map((x) => index.get(resolve(x))!), shape, dtype, scope, name });
  }
  const placed = (roots: readonly (readonly [string, Tensor])[]) =>
    new Map(roots.map(([name, node]) => [name, index.get(node)!]));
  return optimise({
    nodes,
    inputs,
    parameters,
    outputs: placed(outputRoots),
    updates: placed(updateRoots),
  });
}

const nameOf = (node: Tensor): string => node.name ?? `unnamed.${node.id}`;
