/** Memory and time of one program, by how its weights are held. Nothing is computed. */
import { planProgram } from "../runtimes/null/null.ts";
import { bytesPerElement, sizeOf } from "../tensor/dtype.ts";
import type { Buffer, MemoryPlan } from "../tensor/liveness.ts";
import type { OpAttributes } from "../tensor/ops.ts";
import type { Program } from "../tensor/program.ts";
import type { Weights } from "../tensor/runtime.ts";
import { type Holding, partsOf } from "./holding.ts";

export interface Footprint {
  /** At the worst moment, beyond what the process has anyway. */
  readonly bytes: number;
  /** Of one run, and of what is done once: opening, and what steady inputs decide. */
  readonly flops: number;
  readonly flopsOnce: number;
  /** Moving and widening weights: once, and in each run. */
  readonly secondsOnce: number;
  readonly secondsEach: number;
}

/** Bytes a second, measured on one core: widening while loading (with packing), and widening in passing. */
const rates = { load: 0.7e9, widen: 2.5e9 } as const;
/** Seconds to open and close one part of a streamed program. */
const openSeconds = 0.05;
/**
 * How ONNX Runtime takes memory without an arena, seen with glibc (bench/results). Values of 32 MiB and more have pages of
 * their own, which go back when they are freed; smaller ones share a heap, which keeps most of what it took once. The first
 * run takes values one by one, later ones all in one block beside what the heap kept.
 */
const heap = { below: 2 ** 25, first: 1.1, kept: 1.5 } as const;
const float = 4;

export interface FootprintOptions {
  readonly holding: Holding;
  readonly steady?: ReadonlySet<string>;
  /** Whether it runs more than once while it is open. */
  readonly isRepeated?: boolean | undefined;
  /** Where the weights come from; without it 16 bits each. */
  readonly weights?: Weights | undefined;
  /** Of a GPU; without it, ONNX Runtime on the CPU is meant. */
  readonly gpu?: GpuBytes | undefined;
}

/** What a program takes of a GPU's memory, in bytes. */
export type GpuBytes = (
  program: Program,
  options: { weights?: Weights },
) => { readonly weights: number; readonly values: number };

/** What a program takes. */
export function footprint(program: Program, options: FootprintOptions): Footprint {
  const { holding, steady, weights, gpu } = options;
  const parts = partsOf(program, holding, { steady, isGpu: gpu !== undefined });
  const sizeOfPart = (part: Program) => (gpu ? measureOnGpu(part, weights, gpu) : measure(part, options));
  const once = parts.once.map(sizeOfPart);
  const each = parts.each.map(sizeOfPart);
  const kept = once.reduce((sum, { crossing }) => sum + crossing, 0);
  const sum = (list: readonly PartSize[], field: keyof PartSize) => list.reduce((total, one) => total + one[field], 0);
  const most = (list: readonly PartSize[], of: (one: PartSize) => number) => Math.max(0, ...list.map(of));
  const running = ({ values }: PartSize) => values;
  const peak = (list: readonly PartSize[]): number => {
    if (holding === "streamed") return most(list, (one) => one.stored + running(one));
    if (gpu || holding === "mapped") return sum(list, "stored") + most(list, running);
    // While the last part is opened, its weights are there twice.
    return (
      sum(list, "widened") +
      Math.max(
        most(list, running),
        most(list, (one) => one.widened),
      )
    );
  };
  const widened = sum(each, "widened");
  const isStreamed = holding === "streamed";
  // A GPU keeps weights as they are stored and widens them as it reads: only bringing them there takes time.
  const isBrought = gpu ? !isStreamed : holding === "widened";
  const passing = gpu ? (isStreamed ? widened / rates.load : 0) : holding === "widened" ? 0 : widened / rates.widen;
  return {
    bytes: Math.max(peak(once), kept + peak(each)),
    flops: sum(each, "flops"),
    flopsOnce: sum(once, "flops"),
    secondsOnce: isBrought ? widened / rates.load : isStreamed ? 0 : openSeconds,
    secondsEach: passing + (isStreamed ? each.length * openSeconds : 0),
  };
}

interface PartSize {
  readonly stored: number;
  readonly widened: number;
  /** While it runs: operands, intermediates, results, and a weight that is widened in passing. */
  readonly values: number;
  /** Results that go to other parts. */
  readonly crossing: number;
  readonly flops: number;
}

function measure(program: Program, { holding, weights, isRepeated = false }: FootprintOptions): PartSize {
  const plan = planProgram(program);
  const { inputBytes, resultBytes, constantBytes, flops } = plan;
  let [stored, widened, largestWidened] = [0, 0, 0];
  const tables = gathered(program);
  for (const [name, at] of program.parameters) {
    const count = sizeOf(program.nodes[at]!.shape);
    const source = weights?.get(name);
    const bytes = count * (source ? bytesPerElement[source.dtype] : 2);
    // Of a table few rows are read.
    if (tables.has(at)) continue;
    const isMapped = !source || source.file !== undefined;
    stored += isMapped ? bytes : count * float;
    widened += count * float;
    if (bytes < count * float) largestWidened = Math.max(largestWidened, count * float);
  }
  const passing = holding === "widened" ? 0 : largestWidened;
  // What goes from layer to layer is opened anew for each run.
  const taken = takenBy(plan, passing, isRepeated && holding !== "streamed");
  return {
    stored,
    widened,
    values: taken + inputBytes + resultBytes + constantBytes + scratchOf(program),
    crossing: resultBytes,
    flops,
  };
}

/** As `measure`, of a GPU, which keeps weights as they are stored. */
function measureOnGpu(program: Program, weights: Weights | undefined, gpu: GpuBytes): PartSize {
  const { resultBytes, flops } = planProgram(program);
  const bytes = gpu(program, weights ? { weights } : {});
  return {
    stored: bytes.weights,
    widened: bytes.weights,
    values: bytes.values,
    crossing: resultBytes,
    flops,
  };
}

/** What values take at the worst moment, with a weight that is widened in passing. */
function takenBy({ buffers, peakBytes }: MemoryPlan, passing: number, isRepeated: boolean): number {
  const first = heap.first * (mostOf(buffers) + passing);
  if (!isRepeated) return first;
  const small = mostOf(buffers.filter(({ bytes }) => bytes < heap.below));
  const kept = heap.kept * (small + Math.min(passing, heap.below));
  return Math.max(first, peakBytes < heap.below ? kept : kept + peakBytes);
}

/** Bytes of values that are needed at one moment, at the most. */
function mostOf(buffers: readonly Buffer[]): number {
  const changes = buffers.flatMap(({ bytes, first, last }) => [
    { at: first, change: bytes },
    { at: last + 1, change: -bytes },
  ]);
  changes.sort((a, b) => a.at - b.at || a.change - b.change);
  let [now, most] = [0, 0];
  for (const { change } of changes) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

const gathered = ({ nodes }: Program): Set<number> =>
  new Set(nodes.flatMap(({ op, inputs }) => (op === "gather" ? [inputs[0]!] : [])));

/** Logits of the largest attention that has a bias; without one they are never whole. */
function scratchOf({ nodes }: Program): number {
  let most = 0;
  for (const node of nodes) {
    if (node.op !== "kernel") continue;
    const { kernel, options } = node.attributes as OpAttributes["kernel"];
    if (kernel.name !== "attention" || node.inputs.length < 4) continue;
    const [q, k] = node.inputs.map((at) => nodes[at]!.shape);
    most = Math.max(most, q![0]! * (options as { heads: number }).heads * q![1]! * k![1]! * float);
  }
  return most;
}
