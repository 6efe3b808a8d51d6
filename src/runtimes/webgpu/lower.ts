/** From a program to the shaders that run it, in order, with what each reads and writes. Nothing touches a device. */
import type { WgslDevice } from "../../kernels/wgsl.ts";
import { isFloat, sizeOf } from "../../tensor/dtype.ts";
import { nodeFlops } from "../../tensor/flops.ts";
import type { Node, Program } from "../../tensor/program.ts";
import { buildCore, type CorePlan, mapKernel, sumOfParts } from "./cores.ts";
import type { Format } from "./format.ts";
import { exactBase, fuse, type Group, isSource, titleOf } from "./fuse.ts";
import { apartHeads } from "./heads.ts";
import { bindingsOf, type Shader, ShaderWriter, type Storage, scratch } from "./shader.ts";
import { type Bound, bindingsOfGroup, type Part, partsOf } from "./windows.ts";

/** A value in device memory: a node's, or a group's partial results. */
export interface Stored {
  readonly storage: Storage;
  /** The node whose value it is; none for partial results. */
  readonly node: number | undefined;
}

export interface Step {
  readonly shader: Shader;
  /** Values by index into `values`. */
  readonly reads: readonly number[];
  readonly write: number;
  /** Layer and operation, for errors and plans. */
  readonly name: string;
  readonly flops: number;
}

export interface Lowered {
  /** What was lowered: the program that was given, or one that means the same. */
  readonly program: Program;
  readonly values: readonly Stored[];
  readonly steps: readonly Step[];
  /** Value of each source and stored node. */
  readonly valueAt: ReadonlyMap<number, number>;
  /** Value that holds each output and update, by node. */
  readonly resultOf: ReadonlyMap<number, number>;
}

export interface LowerOptions {
  readonly device: WgslDevice;
  /** Storage bindings of one shader. */
  readonly bindings: number;
  readonly flopsPerDispatch: number;
  /** Elements of a format that one binding shows. */
  readonly chunk: (format: Format) => number;
  /** Format of a weight. */
  readonly weightFormat: (node: Node) => Format;
  /** Format of floats between steps. */
  readonly between: "f32" | "f16";
}

export function lower(given: Program, options: LowerOptions): Lowered {
  const whole = storageIn(given, options);
  const tooLarge = (at: number) =>
    bindingsOfGroup({ root: at, core: at, leaves: given.nodes[at]!.inputs }, whole) > options.bindings;
  const { program, kept } = apartHeads(given, tooLarge);
  const { nodes } = program;
  const bound: Bound = { nodes, storageOf: storageIn(program, options), bindings: options.bindings };
  const { storageOf } = bound;
  const partsIn = (group: Group): Part[] | undefined => {
    const { kernel, parts } = planOf(nodes, group, options.device);
    return parts === 1 ? partsOf(group, kernel, bound) : undefined;
  };
  const fitsWhole = (group: Group) => bindingsOfGroup(group, storageOf) <= options.bindings;
  const { groups, resultOf } = fuse(program, {
    fits: (group) => fitsWhole(group) || partsIn(group) !== undefined,
    bindingsOf: (at) => bindingsOf(storageOf(at)),
    kept,
  });
  const values: Stored[] = [];
  const valueAt = new Map<number, number>();
  const add = (storage: Storage, node?: number): number => values.push({ storage, node }) - 1;
  for (const [at, node] of nodes.entries()) if (isSource(node)) valueAt.set(at, add(storageOf(at), at));
  for (const { root } of groups) valueAt.set(root, add(storageOf(root), root));
  const flops = nodeFlops(program);
  const steps: Step[] = [];
  for (const group of groups) {
    const context = { ...options, program, storageOf, valueAt, write: valueAt.get(group.root)!, add, flops };
    for (const part of fitsWhole(group) ? [undefined] : partsIn(group)!)
      steps.push(...lowerGroup(group, part, context));
  }
  return {
    program,
    values,
    steps,
    valueAt,
    resultOf: new Map([...resultOf].map(([at, base]) => [at, valueAt.get(base)!])),
  };
}

/** How each value that is stored lies in memory. */
function storageIn(program: Program, options: LowerOptions): (at: number) => Storage {
  const results = [...program.outputs.values(), ...program.updates.values()];
  const kept = new Set(results.flatMap((at) => [at, exactBase(program, at)]));
  return (at) => {
    const node = program.nodes[at]!;
    const format = formatOf(node, kept.has(at), options);
    const rows = format === "i8x4" ? { rows: node.shape[0]! } : {};
    return { format, size: sizeOf(node.shape), chunk: options.chunk(format), ...rows };
  };
}

function formatOf(node: Node, kept: boolean, { weightFormat, between }: LowerOptions): Format {
  if (node.op === "parameter" && isFloat(node.dtype)) return kept ? "f32" : weightFormat(node);
  if (node.dtype === "i32") return "i32";
  if (node.dtype === "bool") return "u32";
  const isNarrow = between === "f16" && !kept && !isSource(node) && node.op !== "sum" && node.op !== "amax";
  return isNarrow ? "f16" : "f32";
}

interface Context extends LowerOptions {
  readonly program: Program;
  readonly storageOf: (at: number) => Storage;
  readonly valueAt: ReadonlyMap<number, number>;
  readonly write: number;
  readonly add: (storage: Storage) => number;
  readonly flops: readonly number[];
}

/** How the loop of a group's core is run, or the loop over its elements where there is no core. */
function planOf(nodes: readonly Node[], { root, core }: Group, device: WgslDevice): CorePlan {
  if (core === undefined) return { kernel: mapKernel(sizeOf(nodes[root]!.shape)), parts: 1 };
  const node = nodes[core]!;
  const inputs = node.inputs.map((i) => nodes[i]!);
  return buildCore(device, inputs, node);
}

/** The shaders of a group, or the shader of a part of it. */
function lowerGroup(group: Group, part: Part | undefined, context: Context): Step[] {
  const { root, core } = group;
  const { program, storageOf, valueAt, write, device } = context;
  const { nodes } = program;
  const rootNode = nodes[root]!;
  const name = [rootNode.scope, titleOf(nodes[core ?? root]!)].filter(Boolean).join(" ");
  const { packedDot } = device;
  const writer = () =>
    new ShaderWriter({ program, storageOf, packedDot, isLeaf: (at) => at !== root && valueAt.has(at), part });
  const result = storageOf(root);
  const { kernel, parts } = planOf(nodes, group, device);
  const share = part ? (part.groups[1] - part.groups[0]) / kernel.groups : 1;
  const step = (shader: Shader, to: number, flops: number, between?: number): Step => ({
    shader,
    reads: shader.reads.map((at) => (at === scratch ? between! : valueAt.get(at)!)),
    write: to,
    name,
    flops,
  });
  const first = writer();
  if (core === undefined) {
    first.store(root, undefined);
    return [step(first.finish(kernel, root, result, rootNode.dtype), write, result.size * share)];
  }
  for (const [index, at] of nodes[core]!.inputs.entries()) first.operand(index, at);
  const flops = context.flops[core]! * share;
  const sliced = flops > context.flopsPerDispatch;
  if (parts === 1) {
    first.store(root, core);
    return [step(first.finish(kernel, root, result, rootNode.dtype, { sliced }), write, flops)];
  }
  const size = sizeOf(nodes[core]!.shape);
  const partial: Storage = { format: "f32", size: size * parts, chunk: context.chunk("f32") };
  const between = context.add(partial);
  first.plainStore();
  const sum = first.finish(kernel, scratch, partial, "f32", { sliced });
  const second = writer();
  second.scratchOperand(partial);
  second.store(root, core);
  const last = second.finish(sumOfParts(parts, size), root, result, rootNode.dtype);
  return [step(sum, between, flops), step(last, write, size * parts, between)];
}
