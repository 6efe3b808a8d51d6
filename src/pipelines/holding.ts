/**
 * How a stage holds its weights while its program runs: all at once, or a layer after another. The plan decides; the
 * values that come out are the same to the last bit.
 */
import { bytesPerElement, type HostTensor, sizeOf } from "../tensor/dtype.ts";
import { byScope, hoist } from "../tensor/partition.ts";
import type { Program } from "../tensor/program.ts";
import type { Executable, Residency, Runtime, Weights } from "../tensor/runtime.ts";

/** `streamed`: as `mapped`, but a layer's weights are opened before it runs and let go after it. */
export type Holding = Residency | "streamed";

export interface Parts {
  /** What steady inputs decide, computed once for as long as they stay: keys and values of the text. */
  readonly once: readonly Program[];
  readonly each: readonly Program[];
}

/** Inputs of the transformer that are the same in every step. */
export const steadyInputs: ReadonlySet<string> = new Set(["text", "mask"]);

const layerOf = (scope: string): string | undefined => /(?:^|\.)blocks\.\d+/.exec(scope)?.[0];

/**
 * In ONNX Runtime, weights may be there twice while a program is opened, and a model with more than 2 GB in it cannot be
 * handed over: large ones are opened layer by layer, also where all are kept. On a GPU they stay whole, since what goes
 * from one part to the next goes through the host.
 */
const mostAtOnce = 1e9;

const widenedBytes = ({ nodes, parameters }: Program): number =>
  [...parameters.values()].reduce((sum, at) => sum + sizeOf(nodes[at]!.shape) * bytesPerElement[nodes[at]!.dtype], 0);

/** The programs that stand for one program. */
export function partsOf(
  program: Program,
  holding: Holding,
  { steady = new Set(), isGpu = false }: { steady?: ReadonlySet<string> | undefined; isGpu?: boolean } = {},
): Parts {
  const { once, each } = hoist(program, steady);
  const isCut = (part: Program) => holding === "streamed" || (!isGpu && widenedBytes(part) > mostAtOnce);
  const cut = (part: Program) => (isCut(part) ? byScope(part, layerOf) : [part]);
  return { once: once ? cut(once) : [], each: cut(each) };
}

export interface HoldOptions {
  readonly weights: Weights;
  readonly holding: Holding;
  /** Inputs that have the same values in many runs. */
  readonly steady?: ReadonlySet<string>;
}

/** Compiles a program as the plan wants it held. */
export async function openHeld(runtime: Runtime, program: Program, options: HoldOptions): Promise<Executable> {
  const { holding, steady } = options;
  const { once, each } = partsOf(program, holding, { steady, isGpu: runtime.name === "webgpu" });
  if (!once.length && each.length === 1) return compilePart(runtime, program, options);
  return new Chain(runtime, { once, each }, program, options, holding === "streamed" ? [] : await compileAll());

  /** One after another, so that only one has its weights twice. */
  async function compileAll(): Promise<Executable[]> {
    const held: Executable[] = [];
    for (const part of each) held.push(await compilePart(runtime, part, options));
    return held;
  }
}

const compilePart = (runtime: Runtime, program: Program, { weights, holding }: HoldOptions): Promise<Executable> =>
  runtime.compile(program, { weights, residency: holding === "widened" ? "widened" : "mapped" });

type Values = Readonly<Record<string, HostTensor>>;

/** Comparing a megabyte takes less than a millisecond; what it may save is the keys and values of all layers. */
const isSame = (a: HostTensor, b: HostTensor): boolean =>
  a === b || (a.data.length === b.data.length && a.data.every((value, i) => value === b.data[i]));

/** Tensors that nobody needs any more, for the outputs of a part. */
function reuseOf({ nodes, outputs }: Program, free: HostTensor[]): Record<string, HostTensor> {
  const reuse: Record<string, HostTensor> = {};
  for (const [name, at] of outputs) {
    const found = free.findIndex(({ data }) => data.length === sizeOf(nodes[at]!.shape));
    if (found >= 0) reuse[name] = free.splice(found, 1)[0]!;
  }
  return reuse;
}

/** Programs that run one after another; between two of them only what is still needed is kept. */
class Chain implements Executable {
  readonly #runtime: Runtime;
  readonly #parts: Parts;
  readonly #options: HoldOptions;
  readonly #steady: readonly string[];
  readonly #outputs: readonly string[];
  /** Compiled parts of `each`; none where layers come and go. */
  readonly #held: readonly Executable[];
  /** What `once` gave, by the tensors that it was given: two prompts take turns where guidance runs one by one. */
  readonly #known: { readonly given: readonly HostTensor[]; readonly values: Values }[] = [];

  constructor(runtime: Runtime, parts: Parts, whole: Program, options: HoldOptions, held: readonly Executable[]) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#options = options;
    this.#steady = [...(options.steady ?? [])].filter((name) => whole.inputs.has(name));
    this.#outputs = [...whole.outputs.keys()];
    this.#held = held;
  }

  async run(inputs: Values): Promise<Record<string, HostTensor>> {
    const first = await this.#steadyValues(inputs);
    return this.#through(this.#parts.each, { ...inputs, ...first }, this.#outputs, this.#held);
  }

  async #steadyValues(inputs: Values): Promise<Values> {
    const { once } = this.#parts;
    if (!once.length) return {};
    const given = this.#steady.map((name) => inputs[name]!);
    const known = this.#known.find((one) => one.given.every((tensor, i) => isSame(tensor, given[i]!)));
    if (known) return known.values;
    const values = await this.#through(
      once,
      inputs,
      once.flatMap(({ outputs }) => [...outputs.keys()]),
    );
    if (this.#known.push({ given, values }) > 2) this.#known.shift();
    return values;
  }

  async #through(
    parts: readonly Program[],
    inputs: Values,
    wanted: readonly string[],
    held: readonly Executable[] = [],
  ): Promise<Record<string, HostTensor>> {
    const values: Record<string, HostTensor> = { ...inputs };
    const free: HostTensor[] = [];
    for (const [i, part] of parts.entries()) {
      const executable = held[i] ?? (await compilePart(this.#runtime, part, this.#options));
      try {
        Object.assign(values, await executable.run(values, reuseOf(part, free)));
      } finally {
        if (!held[i]) executable.dispose();
      }
      const needed = new Set([...wanted, ...parts.slice(i + 1).flatMap((later) => [...later.inputs.keys()])]);
      for (const [name, value] of Object.entries(values)) {
        if (needed.has(name)) continue;
        delete values[name];
        if (!(name in inputs)) free.push(value);
      }
    }
    return Object.fromEntries(wanted.map((name) => [name, values[name]!]));
  }

  dispose(): void {
    for (const executable of this.#held) executable.dispose();
    this.#known.length = 0;
  }
}
