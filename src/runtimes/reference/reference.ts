/** The definition of every program: primitives one after the other, in float64 on the host. Tests only. */
import type { HostTensor } from "../../tensor/dtype.ts";
import { evaluate } from "../../tensor/evaluate.ts";
import { checkInputs, weightsFor } from "../../tensor/hand-in.ts";
import type { Program } from "../../tensor/program.ts";
import type { CompileOptions, Executable, Runtime, State } from "../../tensor/runtime.ts";
import { hostValues, type Value, type Values } from "../../tensor/values.ts";

class ReferenceState implements State {
  readonly values: Map<string, HostTensor>;

  constructor(initial: ReadonlyMap<string, HostTensor>) {
    this.values = new Map([...initial].map(([name, value]) => [name, { ...value, data: hostValues(value) }]));
  }

  get names(): readonly string[] {
    return [...this.values.keys()];
  }

  async read(name: string): Promise<HostTensor> {
    return this.values.get(name)!;
  }

  async write(name: string, value: HostTensor): Promise<void> {
    this.values.set(name, { ...value, data: hostValues(value) });
  }

  dispose(): void {
    this.values.clear();
  }
}

async function compile(program: Program, { weights, state }: CompileOptions = {}): Promise<Executable> {
  const held = state as ReferenceState | undefined;
  const fixed = new Map<string, HostTensor>();
  for (const [name, source] of weightsFor(program, weights, new Set(held?.names))) fixed.set(name, await source.read());
  return {
    async run(inputs) {
      checkInputs(program, inputs);
      const values: Value[] = [];
      for (const node of program.nodes) {
        const data = ((): Values => {
          if (node.op === "input") return hostValues(inputs[node.name!]!);
          if (node.op === "parameter") return hostValues((held?.values.get(node.name!) ?? fixed.get(node.name!))!);
          const run = evaluate[node.op] as (i: readonly Value[], a: unknown, shape: readonly number[]) => Values;
          return run(
            node.inputs.map((i) => values[i]!),
            node.attributes,
            node.shape,
          );
        })();
        values.push({ shape: node.shape, data });
      }
      const hosted = (at: number): HostTensor => ({
        dtype: program.nodes[at]!.dtype,
        shape: program.nodes[at]!.shape,
        data: values[at]!.data,
      });
      for (const [name, at] of program.updates) held!.values.set(name, hosted(at));
      return Object.fromEntries([...program.outputs].map(([name, at]) => [name, hosted(at)]));
    },
    dispose() {},
  };
}

export const reference: Runtime = {
  name: "reference",
  keeps: () => false,
  state: async (initial) => new ReferenceState(initial),
  compile,
};
