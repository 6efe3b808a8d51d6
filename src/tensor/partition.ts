/** Cuts programs into several that run one after another; what one of them makes and a later one needs has a name. */
import { InputError } from "../base/errors.ts";
import type { OpName } from "./ops.ts";
import type { Node, Program } from "./program.ts";

/** Values that any part can have for itself: handed in, or cheaper to repeat than to pass on. */
const leaves: ReadonlySet<OpName> = new Set(["input", "parameter", "constant", "fill"]);

/** Inputs and outputs that stand for values which cross a cut. */
const crossing = (at: number): string => `value:${at}`;

/**
 * Cuts a program by the number of the part that each node is given. Numbers may not fall along an edge. A part takes,
 * as inputs of the same names, what earlier parts put out; outputs of the whole keep their names.
 * @throws InputError for programs that update a state, and where a node needs a value of a later part
 */
export function partition(program: Program, partOf: readonly number[]): Program[] {
  if (program.updates.size) throw new InputError("a program that updates its state cannot be cut");
  const count = 1 + Math.max(0, ...partOf.filter((_, at) => !leaves.has(program.nodes[at]!.op)));
  const wanted = crossings(program, partOf);
  return Array.from({ length: count }, (_, part) => cutOut(program, partOf, wanted, part)).filter(
    ({ outputs }) => outputs.size > 0,
  );
}

/** Nodes whose values later parts need. */
function crossings({ nodes }: Program, partOf: readonly number[]): Set<number> {
  const wanted = new Set<number>();
  for (const [at, node] of nodes.entries())
    for (const from of node.inputs) {
      if (leaves.has(nodes[from]!.op) || partOf[from] === partOf[at]) continue;
      if (partOf[from]! > partOf[at]!)
        throw new InputError(`node ${at} of part ${partOf[at]} needs node ${from} of part ${partOf[from]}`);
      wanted.add(from);
    }
  return wanted;
}

function cutOut(program: Program, partOf: readonly number[], wanted: ReadonlySet<number>, part: number): Program {
  const nodes: Node[] = [];
  const moved = new Map<number, number>();
  const [inputs, parameters] = [new Map<string, number>(), new Map<string, number>()];
  const place = (at: number): number => {
    const there = moved.get(at);
    if (there !== undefined) return there;
    const node = program.nodes[at]!;
    const isOwn = leaves.has(node.op) || partOf[at] === part;
    const { shape, dtype, scope } = node;
    const taken: Node = isOwn
      ? { ...node, inputs: node.inputs.map(place) }
      : {
          op: "input",
          attributes: { name: crossing(at), shape, dtype },
          inputs: [],
          shape,
          dtype,
          scope,
          name: crossing(at),
        };
    const index = nodes.push(taken) - 1;
    if (taken.op === "input") inputs.set(taken.name!, index);
    if (taken.op === "parameter") parameters.set(taken.name!, index);
    moved.set(at, index);
    return index;
  };
  const outputs = new Map<string, number>();
  for (const [at, node] of program.nodes.entries())
    if (partOf[at] === part && !leaves.has(node.op)) {
      place(at);
      if (wanted.has(at)) outputs.set(crossing(at), moved.get(at)!);
    }
  for (const [name, at] of program.outputs)
    if (partOf[at] === part || (leaves.has(program.nodes[at]!.op) && part === 0)) outputs.set(name, place(at));
  return { nodes, inputs, parameters, outputs, updates: new Map() };
}

/** One part for each run of nodes whose scopes have the same key; nodes without a key go with those before them. */
export function byScope(program: Program, keyOf: (scope: string) => string | undefined): Program[] {
  let [part, current] = [0, undefined as string | undefined];
  const partOf = program.nodes.map(({ scope }) => {
    const key = keyOf(scope);
    if (key !== undefined && key !== current) {
      if (current !== undefined) part++;
      current = key;
    }
    return part;
  });
  return partition(program, partOf);
}

/**
 * What follows from `steady` inputs alone, and the rest, which takes it as inputs: loop-invariant code motion, for
 * inputs that stay the same over many runs. Nothing is moved that depends on no input at all.
 */
export function hoist(program: Program, steady: ReadonlySet<string>): { once: Program | undefined; each: Program } {
  const { nodes } = program;
  /** 0: no input is needed; 1: only steady ones; 2: others. */
  const needs: number[] = [];
  for (const node of nodes) {
    const own = node.op === "input" ? (steady.has(node.name!) ? 1 : 2) : 0;
    needs.push(Math.max(own, ...node.inputs.map((from) => needs[from]!)));
  }
  const partOf = nodes.map((_, at) => (needs[at] === 1 ? 0 : 1));
  for (let at = nodes.length - 1; at >= 0; at--)
    if (partOf[at] === 0) for (const from of nodes[at]!.inputs) partOf[from] = 0;
  if (!nodes.some((node, at) => partOf[at] === 0 && !leaves.has(node.op))) return { once: undefined, each: program };
  const [once, each] = partition(program, partOf);
  return each ? { once, each } : { once: undefined, each: program };
}
