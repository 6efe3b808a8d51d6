/**
 * The device that has no memory and does no arithmetic: programs of any size are traced, checked and planned on it,
 * so that what would be needed is known before anything is loaded.
 */
import { InputError } from "../../base/errors.ts";
import { type DType, formatShape, type HostTensor, type Shape, sizeOf } from "../../tensor/dtype.ts";
import { flops } from "../../tensor/flops.ts";
import { checkInputs, weightsFor } from "../../tensor/hand-in.ts";
import { type MemoryPlan, planMemory } from "../../tensor/liveness.ts";
import type { Program } from "../../tensor/program.ts";
import type { CompileOptions, Executable, Runtime, State } from "../../tensor/runtime.ts";
import { verify } from "../../tensor/verify.ts";

/** What a program would take elsewhere. */
export interface ProgramPlan extends MemoryPlan {
  /** Floating-point operations of one run. */
  readonly flops: number;
  /** Number of weights. */
  readonly parameters: number;
}

export interface PlannedExecutable extends Executable {
  readonly plan: ProgramPlan;
}

export interface NullRuntime extends Runtime {
  compile(program: Program, options?: CompileOptions): Promise<PlannedExecutable>;
}

const emptyArrays = {
  f32: new Float32Array(0),
  f16: new Uint16Array(0),
  bf16: new Uint16Array(0),
  i32: new Int32Array(0),
  bool: new Uint8Array(0),
} satisfies Record<DType, HostTensor["data"]>;

/** A tensor's type without its values. */
const hollow = ({ shape, dtype }: { shape: Shape; dtype: DType }): HostTensor => ({
  shape,
  dtype,
  data: emptyArrays[dtype],
});

/** Names, shapes and dtypes of what a device would hold. */
class NullState implements State {
  readonly #held: Map<string, HostTensor>;

  constructor(initial: ReadonlyMap<string, HostTensor>) {
    this.#held = new Map([...initial].map(([name, value]) => [name, hollow(value)]));
  }

  get names(): readonly string[] {
    return [...this.#held.keys()];
  }

  async read(name: string): Promise<HostTensor> {
    const value = this.#held.get(name);
    if (!value) throw new InputError(`no value named ${name} is held`);
    return value;
  }

  async write(name: string, value: HostTensor): Promise<void> {
    const { shape } = await this.read(name);
    if (formatShape(shape) !== formatShape(value.shape))
      throw new InputError(`${name} holds ${formatShape(shape)}, got ${formatShape(value.shape)}`);
  }

  dispose(): void {
    this.#held.clear();
  }
}

/** Checks a program and works out what it needs. */
export function planProgram(program: Program): ProgramPlan {
  verify(program);
  const parameters = [...program.parameters.values()].reduce((sum, at) => sum + sizeOf(program.nodes[at]!.shape), 0);
  return { ...planMemory(program), flops: flops(program), parameters };
}

/**
 * A null device.
 * @param keeps which kernels it counts as one node; pass another runtime's to plan for that one. Default: all.
 */
export function createNull(keeps: Runtime["keeps"] = () => true): NullRuntime {
  return {
    name: "null",
    keeps,
    state: async (initial) => new NullState(initial),
    async compile(program, { weights, state } = {}) {
      const plan = planProgram(program);
      if (weights || state) weightsFor(program, weights, new Set(state?.names));
      return {
        plan,
        async run(inputs) {
          checkInputs(program, inputs, { hollow: true });
          return Object.fromEntries([...program.outputs].map(([name, at]) => [name, hollow(program.nodes[at]!)]));
        },
        dispose() {},
      };
    },
  };
}
