/**
 * Attention whose keys and values take more bindings than a shader has: heads become batches, each of them side by side in
 * memory, so that a workgroup needs the keys and values of its own head only. That copies each operand and the result once.
 */

import type { Shape } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import type { Node, Program } from "../../tensor/program.ts";
import { titleOf } from "./fuse.ts";

export interface Apart {
  readonly program: Program;
  /** Nodes that have to be stored as they are. */
  readonly kept: ReadonlySet<number>;
}

/** @param tooLarge whether a node's operands and result are more than a shader can bind */
export function apartHeads(program: Program, tooLarge: (node: number) => boolean): Apart {
  const isLarge = (at: number) => headsOf(program.nodes[at]!) > 1 && tooLarge(at);
  if (!program.nodes.some((_, at) => isLarge(at))) return { program, kept: new Set() };
  const nodes: Node[] = [];
  const kept = new Set<number>();
  const moved: number[] = [];
  const add = (node: Node): number => nodes.push(node) - 1;
  for (const [at, node] of program.nodes.entries()) {
    const own = { ...node, inputs: node.inputs.map((i) => moved[i]!) };
    moved.push(isLarge(at) ? split(own, nodes, add, kept) : add(own));
  }
  const follow = (places: ReadonlyMap<string, number>) => new Map([...places].map(([name, at]) => [name, moved[at]!]));
  const { inputs, parameters, outputs, updates } = program;
  return {
    program: {
      nodes,
      inputs: follow(inputs),
      parameters: follow(parameters),
      outputs: follow(outputs),
      updates: follow(updates),
    },
    kept,
  };
}

const headsOf = (node: Node): number => (titleOf(node) === "attention" ? (optionsOf(node)["heads"] as number) : 1);
const optionsOf = ({ attributes }: Node) => (attributes as OpAttributes["kernel"]).options;

/** Attention of one head for each batch and head, between permutations. */
function split(node: Node, nodes: readonly Node[], add: (node: Node) => number, kept: Set<number>): number {
  const heads = headsOf(node);
  const like = (op: Node["op"], shape: Shape, attributes: Node["attributes"], ...inputs: number[]) =>
    add({ ...node, op, shape, attributes, inputs, dtype: nodes[inputs[0]!]!.dtype });
  const reshape = (x: number, ...shape: number[]) => like("reshape", shape, { shape }, x);
  const swap = (x: number): number => {
    const [batches, a, b, width] = nodes[x]!.shape as [number, number, number, number];
    const swapped = like("permute", [batches, b, a, width], { order: [0, 2, 1, 3] }, x);
    kept.add(swapped);
    return swapped;
  };
  const [batches, rows, channels] = node.shape as [number, number, number];
  const width = channels / heads;
  const operands = node.inputs.slice(0, 3).map((x) => {
    const length = nodes[x]!.shape[1]!;
    return reshape(swap(reshape(x, batches, length, heads, width)), batches * heads, length, width);
  });
  const biases = node.inputs.slice(3).map((x) => {
    const [b, h, n, keys] = [1, 1, 1, ...nodes[x]!.shape].slice(-4) as [number, number, number, number];
    const full = reshape(x, b, h, n, keys);
    if (b === 1 && h === 1) return full;
    const shape = [batches, heads, n, keys];
    return reshape(like("broadcast", shape, { shape }, full), batches * heads, 1, n, keys);
  });
  const attributes = { ...node.attributes, options: { ...optionsOf(node), heads: 1 } } as Node["attributes"];
  const mixed = like("kernel", [batches * heads, rows, width], attributes, ...operands, ...biases);
  return reshape(swap(reshape(mixed, batches, heads, rows, width)), batches, rows, channels);
}
