/** A traced computation, closed: what runtimes compile and `plan` measures. */
import type { DType, Shape } from "./dtype.ts";
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
      current.expansion ??= current.attributes.kernel.definition(current.inputs, current.attributes.options);
      current = current.expansion;
    }
    return current;
  };

  const add = (root: Tensor): number => {
    const pending = [resolve(root)];
    while (pending.length) {
      const node = pending.at(-1)!;
      if (index.has(node)) {
        pending.pop();
        continue;
      }
      const operands = node.inputs.map(resolve);
      const missing = operands.filter((x) => !index.has(x));
      if (missing.length) {
        pending.push(...missing.reverse());
        continue;
      }
      pending.pop();
      const name = node.op === "input" || node.op === "parameter" ? (node.name ?? `unnamed.${node.id}`) : undefined;
      index.set(node, nodes.length);
      if (node.op === "input") inputs.set(name!, nodes.length);
      if (node.op === "parameter") parameters.set(name!, nodes.length);
      const { op, attributes, shape, dtype, scope } = node;
      nodes.push({ op, attributes, inputs: operands.map((x) => index.get(x)!), shape, dtype, scope, name });
    }
    return index.get(resolve(root))!;
  };

  const outputNodes = new Map(Object.entries(outputs).map(([name, x]) => [name, add(x)]));
  const updateNodes = new Map(
    [...updates].map(([target, value]) => {
      add(target);
      return [target.name ?? `unnamed.${target.id}`, add(value)];
    }),
  );
  return optimise({ nodes, inputs, parameters, outputs: outputNodes, updates: updateNodes });
}
