/** From a program to the shaders that run it, in order, with what each reads and writes. Nothing touches a device. */
import type { WgslDevice } from "../../kernels/wgsl.ts";
import { isFloat, sizeOf } from "../../tensor/dtype.ts";
import { nodeFlops } from "../../tensor/flops.ts";
import type { Node, Program } from "../../tensor/program.ts";
import { buildCore, mapKernel, sumOfParts } from "./cores.ts";
import type { Format } from "./format.ts";
import { exactBase, fuse, type Group, isSource } from "./fuse.ts";
import { bindingsOf, type Shader, ShaderWriter, type Storage, scratch } from "./shader.ts";

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

export function lower(program: Program, options: LowerOptions): Lowered {
  const { nodes } = program;
  const results = [...program.outputs.values(), ...program.updates.values()];
  const kept = new Set(results.flatMap((at) => [at, exactBase(program, at)]));
  const flops = nodeFlops(program);
  const storageOf = (at: number): Storage => {
    const node = nodes[at]!;
    const size = sizeOf(node.shape);
    const format = formatOf(node, kept.has(at), options);
    const rows = format === "i8x4" ? { rows: node.shape[0]! } : {};
    return { format, size, chunk: options.chunk(format), ...rows };
  };
  const bindingsFor = (at: number) => bindingsOf(storageOf(at));
  const { groups, resultOf } = fuse(program, { bindings: options.bindings, bindingsOf: bindingsFor });
  const values: Stored[] = [];
  const valueAt = new Map<number, number>();
  const add = (storage: Storage, node?: number): number => values.push({ storage, node }) - 1;
  for (const [at, node] of nodes.entries()) if (isSource(node)) valueAt.set(at, add(storageOf(at), at));
  for (const { root } of groups) valueAt.set(root, add(storageOf(root), root));
  const steps: Step[] = [];
  for (const group of groups) {
    const write = valueAt.get(group.root)!;
    steps.push(...lowerGroup(program, group, { ...options, storageOf, valueAt, write, add, flops }));
  }
  return {
    values,
    steps,
    valueAt,
    resultOf: new Map([...resultOf].map(([at, base]) => [at, valueAt.get(base)!])),
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
  readonly storageOf: (at: number) => Storage;
  readonly valueAt: ReadonlyMap<number, number>;
  readonly write: number;
  readonly add: (storage: Storage) => number;
  readonly flops: readonly number[];
}

function lowerGroup(program: Program, { root, core }: Group, context: Context): Step[] {
  const { nodes } = program;
  const { storageOf, valueAt, write, device } = context;
  const rootNode = nodes[root]!;
  const name = [rootNode.scope, titleOf(nodes[core ?? root]!)].filter(Boolean).join(" ");
  const { packedDot } = device;
  const writer = () =>
    new ShaderWriter({ program, storageOf, packedDot, isLeaf: (at) => at !== root && valueAt.has(at) });
  const stored = { result: storageOf(root), dtype: rootNode.dtype };
  const step = (shader: Shader, reads: readonly number[], to: number, flops: number): Step => ({
    shader,
    reads,
    write: to,
    name,
    flops,
  });
  if (core === undefined) {
    const own = writer();
    own.store(root, undefined);
    const shader = own.finish(mapKernel(stored.result.size), stored.result, stored.dtype);
    return [
      step(
        shader,
        shader.reads.map((at) => valueAt.get(at)!),
        write,
        stored.result.size,
      ),
    ];
  }
  const node = nodes[core]!;
  const flops = context.flops[core]!;
  const { kernel, parts } = buildCore(
    device,
    node.inputs.map((i) => nodes[i]!),
    node,
  );
  const first = writer();
  for (const [index, at] of node.inputs.entries()) first.operand(index, at);
  const sliced = flops > context.flopsPerDispatch;
  if (parts === 1) {
    first.store(root, core);
    const shader = first.finish(kernel, stored.result, stored.dtype, { sliced });
    return [
      step(
        shader,
        shader.reads.map((at) => valueAt.get(at)!),
        write,
        flops,
      ),
    ];
  }
  const size = sizeOf(node.shape);
  const partial: Storage = { format: "f32", size: size * parts, chunk: context.chunk("f32") };
  const between = context.add(partial);
  first.plainStore();
  const sum = first.finish(kernel, partial, "f32", { sliced });
  const second = writer();
  second.scratchOperand(partial);
  second.store(root, core);
  const last = second.finish(sumOfParts(parts, size), stored.result, stored.dtype);
  return [
    step(
      sum,
      sum.reads.map((at) => valueAt.get(at)!),
      between,
      flops,
    ),
    step(
      last,
      last.reads.map((at) => (at === scratch ? between : valueAt.get(at)!)),
      write,
      size * parts,
    ),
  ];
}

const titleOf = ({ op, attributes }: Node): string =>
  op === "kernel" ? (attributes as { kernel: { name: string } }).kernel.name : op;
