/** Programs as text: one line a node, and a summary. */
import { bytesPerElement, formatShape, type HostTensor, sizeOf } from "./dtype.ts";
import { nodeFlops } from "./flops.ts";
import type { OpAttributes } from "./ops.ts";
import type { Node, Program } from "./program.ts";

/** How a node refers to an operand: a source by its name or value, anything else by its number. */
function reference(nodes: readonly Node[], at: number): string {
  const node = nodes[at]!;
  if (node.name !== undefined) return node.name;
  if (node.op === "fill") return short((node.attributes as OpAttributes["fill"]).value);
  return `%${at}`;
}

const short = (x: number): string => String(Number(x.toPrecision(6)));

/** The first values of a constant. */
function preview({ data }: HostTensor): string {
  const some = Array.from(data.subarray(0, 4), short);
  return data.length > some.length ? `${some.join(", ")}, …` : some.join(", ");
}

/** `:` for a whole axis, else start:stop or start:stop:step. */
function range({ start, stop, step }: OpAttributes["slice"], shape: readonly number[]): string {
  const axes = start.map((from, axis) => {
    if (from === 0 && stop[axis] === shape[axis] && step[axis] === 1) return ":";
    return `${from}:${stop[axis]}${step[axis] === 1 ? "" : `:${step[axis]}`}`;
  });
  return `[${axes.join(", ")}]`;
}

/** Attributes worth reading; what the result's type says already is left out. */
function details(node: Node, nodes: readonly Node[]): string {
  const own = node.attributes as Record<string, unknown>;
  switch (node.op) {
    case "constant":
      return preview((node.attributes as OpAttributes["constant"]).value);
    case "fill":
      return short((node.attributes as OpAttributes["fill"]).value);
    case "slice":
      return range(node.attributes as OpAttributes["slice"], nodes[node.inputs[0]!]!.shape);
    case "kernel":
      return fields((node.attributes as OpAttributes["kernel"]).options);
    case "input":
    case "parameter":
    case "reshape":
    case "broadcast":
    case "cast":
      return "";
    default:
      return fields(own);
  }
}

const fields = (record: Record<string, unknown>): string =>
  Object.entries(record)
    .filter(([, value]) => value !== false && value !== undefined)
    .map(([name, value]) =>
      value === true ? name : `${name} ${typeof value === "number" ? short(value) : JSON.stringify(value)}`,
    )
    .join(", ");

/** One line: number, type, operation, operands, attributes, layer. */
export function printNode({ nodes }: Program, at: number): string {
  const node = nodes[at]!;
  const name = node.op === "kernel" ? (node.attributes as OpAttributes["kernel"]).kernel.name : node.op;
  const operands = node.inputs.map((from) => reference(nodes, from)).join(", ");
  const parts = [name, node.name ?? operands, details(node, nodes)].filter(Boolean);
  const place = node.scope ? `  # ${node.scope}` : "";
  return `%${at} ${node.dtype}${formatShape(node.shape)} = ${parts.join(" ")}${place}`;
}

/** The whole program, a line a node; then its outputs and updates. */
export function printProgram(program: Program): string {
  const lines = program.nodes.map((_, at) => printNode(program, at));
  for (const [name, at] of program.outputs) lines.push(`output ${name} = ${reference(program.nodes, at)}`);
  for (const [name, at] of program.updates) lines.push(`update ${name} = ${reference(program.nodes, at)}`);
  return lines.join("\n");
}

export interface OpSummary {
  /** Primitive, or kernel. */
  readonly name: string;
  readonly count: number;
  readonly flops: number;
}

export interface ProgramSummary {
  readonly nodes: number;
  /** Number of weights. */
  readonly parameters: number;
  readonly parameterBytes: number;
  readonly flops: number;
  /** Most arithmetic first, then the most frequent. */
  readonly ops: readonly OpSummary[];
}

/** Counts of a program. */
export function summarise(program: Program): ProgramSummary {
  const counts = new Map<string, { count: number; flops: number }>();
  const flops = nodeFlops(program);
  let [parameters, parameterBytes] = [0, 0];
  for (const [at, node] of program.nodes.entries()) {
    const name = node.op === "kernel" ? (node.attributes as OpAttributes["kernel"]).kernel.name : node.op;
    const entry = counts.get(name) ?? { count: 0, flops: 0 };
    counts.set(name, { count: entry.count + 1, flops: entry.flops + flops[at]! });
    if (node.op !== "parameter") continue;
    parameters += sizeOf(node.shape);
    parameterBytes += sizeOf(node.shape) * bytesPerElement[node.dtype];
  }
  const ops = [...counts].map(([name, entry]) => ({ name, ...entry }));
  return {
    nodes: program.nodes.length,
    parameters,
    parameterBytes,
    flops: flops.reduce((sum, n) => sum + n, 0),
    ops: ops.sort((a, b) => b.flops - a.flops || b.count - a.count || (a.name < b.name ? -1 : 1)),
  };
}

const scales = ["", "k", "M", "G", "T", "P"] as const;

/** 1,923,385,472 of "B" as "1.92 GB". */
export function quantity(n: number, unit = ""): string {
  const scale = n < 1000 ? 0 : Math.min(scales.length - 1, Math.floor(Math.log10(n) / 3));
  return `${Number((n / 1000 ** scale).toPrecision(3))} ${scales[scale]}${unit}`.trimEnd();
}

/** The summary as a few lines of text. */
export function printSummary(program: Program): string {
  const { nodes, parameters, parameterBytes, flops, ops } = summarise(program);
  const weights = `${quantity(parameters)} parameters (${quantity(parameterBytes, "B")})`;
  const rows = ops.map(
    ({ name, count, flops: own }) => `  ${name} ×${count}${own ? `  ${quantity(own, "FLOP")}` : ""}`,
  );
  return [`${nodes} nodes, ${weights}, ${quantity(flops, "FLOP")}`, ...rows].join("\n");
}
