/**
 * Memory plan of a program: from when to when each intermediate value is needed, and where it lies in one arena, so
 * that values that are never needed together share bytes. Nothing is computed.
 */
import { bytesPerElement, sizeOf } from "./dtype.ts";
import type { OpName } from "./ops.ts";
import type { Node, Program } from "./program.ts";

/** A value in the arena, needed from step `first` (when its node runs) to step `last`, both included. */
export interface Buffer {
  /** The node that makes it. */
  readonly node: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** Place in the arena, in bytes. */
  readonly offset: number;
}

export interface MemoryPlan {
  /** The arena's values, in the order of the nodes. */
  readonly buffers: readonly Buffer[];
  /** For each node the buffer that holds its value; `undefined` for what lies outside the arena. */
  readonly bufferOf: readonly (Buffer | undefined)[];
  /** Size of the arena: bytes of intermediate values at the worst moment, with fragmentation. */
  readonly peakBytes: number;
  /** The most bytes that are needed at one moment; no plan can do with less. */
  readonly liveBytes: number;
  /** The node at which that is. */
  readonly peakNode: number;
  /** Bytes of the parameters in the dtype in which the program uses them. */
  readonly parameterBytes: number;
  readonly inputBytes: number;
  /** Bytes of outputs and of new values of parameters; they outlive a run, so they have memory of their own. */
  readonly resultBytes: number;
  readonly constantBytes: number;
}

export interface PlanOptions {
  /** Offsets are multiples of this. */
  readonly alignment?: number;
}

/** Results that are the bytes of their first operand under another shape or name. */
const views: ReadonlySet<OpName> = new Set(["reshape", "barrier"]);

const bytesOf = ({ shape, dtype }: Node): number => sizeOf(shape) * bytesPerElement[dtype];

/** For each node the node whose bytes it shows: itself, unless it is a view. */
export function owners({ nodes }: Program): number[] {
  const owner: number[] = [];
  for (const [at, node] of nodes.entries()) owner.push(views.has(node.op) ? owner[node.inputs[0]!]! : at);
  return owner;
}

/** For each node that owns bytes the last step that needs them. */
export function lastUses({ nodes }: Program, owner: readonly number[]): number[] {
  const last = nodes.map((_, at) => at);
  for (const [at, node] of nodes.entries()) {
    last[owner[at]!] = Math.max(last[owner[at]!]!, at);
    for (const from of node.inputs) last[owner[from]!] = Math.max(last[owner[from]!]!, at);
  }
  return last;
}

/** Plans a program's memory. */
export function planMemory(program: Program, { alignment = 256 }: PlanOptions = {}): MemoryPlan {
  const { nodes } = program;
  const owner = owners(program);
  const last = lastUses(program, owner);
  const results = new Set([...program.outputs.values(), ...program.updates.values()].map((at) => owner[at]!));
  const spans: Span[] = [];
  const bytes = { input: 0, parameter: 0, constant: 0, result: 0 };
  for (const [at, node] of nodes.entries()) {
    if (owner[at] !== at || node.op === "fill") continue; // fills are scalars that broadcast
    const size = bytesOf(node);
    if (node.op === "input" || node.op === "parameter" || node.op === "constant") bytes[node.op] += size;
    else if (results.has(at)) bytes.result += size;
    else spans.push({ node: at, bytes: Math.ceil(size / alignment) * alignment, first: at, last: last[at]! });
  }
  const buffers = place(spans);
  const byNode = new Map(buffers.map((buffer) => [buffer.node, buffer]));
  return {
    buffers,
    bufferOf: owner.map((at) => byNode.get(at)),
    peakBytes: buffers.reduce((end, { offset, bytes: own }) => Math.max(end, offset + own), 0),
    ...worstMoment(spans, nodes.length),
    parameterBytes: bytes.parameter,
    inputBytes: bytes.input,
    resultBytes: bytes.result,
    constantBytes: bytes.constant,
  };
}

type Span = Omit<Buffer, "offset">;

function worstMoment(spans: readonly Span[], steps: number): { liveBytes: number; peakNode: number } {
  const change = new Float64Array(steps + 1);
  for (const { bytes, first, last } of spans) {
    change[first]! += bytes;
    change[last + 1]! -= bytes;
  }
  let [live, liveBytes, peakNode] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    live += change[step]!;
    if (live > liveBytes) [liveBytes, peakNode] = [live, step];
  }
  return { liveBytes, peakNode };
}

/**
 * Offsets by size, largest first, each in the tightest gap among the values it meets in time (Pisarchyk and Lee 2020,
 * "Efficient memory management for deep neural net inference").
 */
function place(spans: readonly Span[]): Buffer[] {
  const order = spans.map((_, i) => i).sort((a, b) => spans[b]!.bytes - spans[a]!.bytes || a - b);
  const offsets = new Float64Array(spans.length);
  // What is placed so far, by offset; flat arrays, because every value is compared with every other one.
  const [first, last] = [new Int32Array(spans.length), new Int32Array(spans.length)];
  const [start, end] = [new Float64Array(spans.length), new Float64Array(spans.length)];
  for (const [placed, i] of order.entries()) {
    const span = spans[i]!;
    let [offset, tightest, gapStart] = [-1, Number.POSITIVE_INFINITY, 0];
    for (let k = 0; k < placed; k++) {
      if (first[k]! > span.last || last[k]! < span.first) continue;
      const gap = start[k]! - gapStart;
      if (gap >= span.bytes && gap < tightest) [offset, tightest] = [gapStart, gap];
      gapStart = Math.max(gapStart, end[k]!);
    }
    if (offset < 0) offset = gapStart;
    offsets[i] = offset;
    let at = placed;
    while (at > 0 && start[at - 1]! > offset) at--;
    for (const list of [first, last, start, end]) list.copyWithin(at + 1, at, placed);
    [first[at], last[at], start[at], end[at]] = [span.first, span.last, offset, offset + span.bytes];
  }
  return spans.map((span, i) => ({ ...span, offset: offsets[i]! }));
}
