/**
 * Which nodes of a program share a shader. A group has one root, whose value is written to memory; at most one core
 * (a product, a reduction, a kernel); and elementwise and layout nodes before or behind the core that are computed
 * where they are used and never stored.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes, OpName } from "../../tensor/ops.ts";
import type { Node, Program } from "../../tensor/program.ts";

export interface Group {
  /** The node whose value is stored. */
  readonly root: number;
  /** The node that needs a loop of its own, where there is one. */
  readonly core: number | undefined;
  /** The stored nodes and sources that it reads. */
  readonly leaves: readonly number[];
}

export interface Grouping {
  /** In the order of their roots, in which they can run. */
  readonly groups: readonly Group[];
  /** For each result (output or update) the stored node or source with the same elements in the same order. */
  readonly resultOf: ReadonlyMap<number, number>;
}

export interface FuseOptions {
  /** Whether shaders can bind what a group reads and writes. */
  readonly fits: (group: Group) => boolean;
  /** Bindings that all of one stored node or source take. */
  readonly bindingsOf: (node: number) => number;
  /** Nodes that are stored whatever could be computed from them at once. */
  readonly kept: Iterable<number>;
}

/** Nodes of a group beyond this are cut off, to keep shaders short. */
const largestGroup = 48;

const views: ReadonlySet<OpName> = new Set(["reshape", "permute", "broadcast", "slice", "flip", "barrier"]);
const cores: ReadonlySet<OpName> = new Set(["sum", "amax", "matmul", "conv", "scatter-add", "kernel"]);
const layout: ReadonlySet<OpName> = new Set([...views, "concat", "pad", "gather"]);
/** So cheap that computing them again costs less than reading them back. */
const cheap: ReadonlySet<OpName> = new Set([
  ...["neg", "abs", "cast", "not", "add", "sub", "mul", "max", "min", "less", "equal", "select"],
] as OpName[]);

/** Written into the shader where it is used. */
export const isLiteral = ({ op, shape }: Node): boolean => op === "fill" || (op === "constant" && sizeOf(shape) === 1);
export const isSource = (node: Node): boolean =>
  node.op === "input" || node.op === "parameter" || (node.op === "constant" && !isLiteral(node));
export const isView = ({ op }: Node): boolean => views.has(op);
export const isCore = ({ op }: Node): boolean => cores.has(op);

export const titleOf = ({ op, attributes }: Node): string =>
  op === "kernel" ? (attributes as OpAttributes["kernel"]).kernel.name : op;

/** Follows reshapes and barriers, which leave every element at its place. */
export function exactBase({ nodes }: Program, at: number): number {
  let base = at;
  while (nodes[base]!.op === "reshape" || nodes[base]!.op === "barrier") base = nodes[base]!.inputs[0]!;
  return base;
}

interface Use {
  readonly by: number;
  /** Whether the user's element i is this node's element i. */
  readonly exact: boolean;
}

export function fuse(program: Program, options: FuseOptions): Grouping {
  const { nodes } = program;
  const results = [...new Set([...program.outputs.values(), ...program.updates.values()])];
  const resultOf = new Map(
    results.map((at) => {
      const base = exactBase(program, at);
      return [at, isView(nodes[base]!) || isLiteral(nodes[base]!) ? at : base] as const;
    }),
  );
  const stored = new Set([...resultOf.values(), ...options.kept]);
  const uses = usesOf(program, stored);
  // Cutting a group that is too large moves others, so this goes on until all fit.
  for (;;) {
    const { home, coreOf } = assign(nodes, uses, stored);
    const groups: Group[] = [];
    let fits = true;
    for (const at of nodes.keys()) {
      if (home[at] !== at) continue;
      const { leaves, cut } = inspect(nodes, home, at, coreOf.get(at), options);
      if (cut !== undefined) {
        stored.add(cut);
        fits = false;
      }
      groups.push({ root: at, core: coreOf.get(at), leaves });
    }
    if (fits) return { groups, resultOf };
  }
}

/** For each node that is not a view the nodes that read it, seen through views. */
function usesOf(program: Program, stored: ReadonlySet<number>): Use[][] {
  const { nodes } = program;
  const uses: Use[][] = nodes.map(() => []);
  for (const [at, node] of nodes.entries()) {
    if (isView(node) && !stored.has(at)) continue;
    for (let from of node.op === "barrier" ? node.inputs.slice(0, 1) : node.inputs) {
      let exact = node.op === "reshape" || node.op === "barrier" || !isView(node);
      while (isView(nodes[from]!) && !stored.has(from)) {
        const { op, inputs } = nodes[from]!;
        exact &&= op === "reshape" || op === "barrier";
        from = inputs[0]!;
      }
      uses[from]!.push({ by: at, exact });
    }
  }
  return uses;
}

/** The root of each node's group, from the last node to the first; -1 for what belongs to none. */
function assign(nodes: readonly Node[], uses: readonly Use[][], stored: ReadonlySet<number>) {
  const home = nodes.map(() => -1);
  const coreOf = new Map<number, number>();
  /** Whether the node is computed on the way into the group's core. */
  const before = nodes.map(() => false);
  /** Whether element i of the node is needed for element i of the root only. */
  const aligned = nodes.map(() => false);
  const evaluations = nodes.map(() => 0);

  const joins = (at: number): boolean => {
    const node = nodes[at]!;
    const [first] = uses[at]!;
    if (!first || stored.has(at)) return false;
    const root = home[first.by]!;
    const inner = isCore(nodes[first.by]!) || before[first.by]!;
    for (const { by } of uses[at]!) {
      const user = nodes[by]!;
      if (home[by] !== root || (isCore(user) || before[by]) !== inner) return false;
      if (isCore(user) && user.op !== "sum" && user.op !== "amax") return false;
    }
    const count = Math.max(
      ...uses[at]!.map(({ by }) =>
        isCore(nodes[by]!) ? sizeOf(nodes[nodes[by]!.inputs[0]!]!.shape) : evaluations[by]!,
      ),
    );
    const straight = uses[at]!.every(
      ({ by, exact }) =>
        exact && aligned[by] && !layout.has(nodes[by]!.op) && sizeOf(nodes[by]!.shape) === sizeOf(node.shape),
    );
    if (isCore(node)) {
      if (inner || !straight || coreOf.has(root)) return false;
      coreOf.set(root, at);
    } else if (count > sizeOf(node.shape) && !cheap.has(node.op)) return false;
    home[at] = root;
    before[at] = inner;
    aligned[at] = straight && !inner;
    evaluations[at] = count;
    return true;
  };

  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at]!;
    if (isSource(node) || ((isView(node) || isLiteral(node)) && !stored.has(at))) continue;
    if (!uses[at]!.length && !stored.has(at)) continue;
    if (joins(at)) continue;
    home[at] = at;
    aligned[at] = true;
    evaluations[at] = sizeOf(node.shape);
    if (isCore(node)) coreOf.set(at, at);
  }
  return { home, coreOf };
}

/** What a group reads, and the node to store on its own where it is too much. */
function inspect(
  nodes: readonly Node[],
  home: readonly number[],
  root: number,
  core: number | undefined,
  { fits, bindingsOf }: FuseOptions,
): { leaves: number[]; cut: number | undefined } {
  const below = new Map<number, Set<number>>();
  const members: number[] = [];
  /** The core and what is computed from it. */
  const behind = new Set([core]);
  const visit = (at: number): Set<number> => {
    const known = below.get(at);
    if (known) return known;
    const node = nodes[at]!;
    const leaves = new Set<number>();
    below.set(at, leaves);
    if (at !== root && (isSource(node) || home[at] === at)) leaves.add(at);
    else if (!isLiteral(node)) {
      const operands = node.op === "barrier" ? node.inputs.slice(0, 1) : node.inputs;
      for (const from of operands) {
        for (const leaf of visit(from)) leaves.add(leaf);
        if (behind.has(from)) behind.add(at);
      }
      if (home[at] === root) members.push(at);
    }
    return leaves;
  };
  const leaves = [...visit(root)];
  if (members.length <= largestGroup && fits({ root, core, leaves })) return { leaves, cut: undefined };
  const cost = (list: Iterable<number>) => [...list].reduce((sum, leaf) => sum + bindingsOf(leaf), 0);
  const partOf = (at: number): Group => ({
    root: at,
    core: behind.has(at) ? core : undefined,
    leaves: [...below.get(at)!],
  });
  // The largest part that fits is computed first; members come with operands before users.
  const parts = members.filter(
    (at, i) => at !== root && at !== core && i < largestGroup && below.get(at)!.size > 0 && fits(partOf(at)),
  );
  parts.sort((a, b) => cost(below.get(b)!) - cost(below.get(a)!) || b - a);
  const [cut = core === root ? undefined : core] = parts;
  if (cut === undefined)
    throw new UnsupportedError(
      `${titleOf(nodes[core ?? root]!)} reads and writes more at once than the bindings of this device hold`,
      { where: nodes[root]!.scope, hint: "a smaller size or fewer frames need fewer; --device cpu has no such limit" },
    );
  return { leaves, cut };
}
