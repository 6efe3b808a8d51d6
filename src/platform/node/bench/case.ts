/** What a benchmark is: a graph with made-up values, whose sizes PyTorch's counterpart takes in the same order. */
import { gaussian } from "../../../base/philox.ts";
import { int8Side } from "../../../kernels/int8.ts";
import { type HostTensor, hostTensor, type Shape, sizeOf } from "../../../tensor/dtype.ts";
import { input, type Tensor } from "../../../tensor/tensor.ts";

/** One trial, traced: nothing is computed yet. */
export interface Trial {
  /** What a run computes; for a training step, its loss. */
  readonly outputs: Record<string, Tensor>;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** A mounted model, whose weights are made up. */
  readonly model?: object;
  /** Turns the run into a training step on this scalar. */
  readonly loss?: Tensor;
}

export interface BenchCase {
  /** The name in `tools/parity/bench.py` too. */
  readonly name: string;
  /** What the numbers of a shape mean. */
  readonly sizes: string;
  /** What is measured by default. */
  readonly shape: readonly number[];
  /** For tests, with `tinyConfig` where the case has settings. */
  readonly tiny: readonly number[];
  readonly tinyConfig?: Record<string, unknown>;
  /** The settings measured by default, as diffusers writes them; absent where the case has none. */
  readonly config?: () => Promise<Record<string, unknown>>;
  trace(shape: readonly number[], config: Record<string, unknown>): Trial;
}

const table = gaussian(65_521, 1, "bench");

/** Values of a spread of `deviation`, made fast: a table of normal numbers over and over. */
export function made(shape: Shape, deviation = 1): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  for (let from = 0; from < data.length; from += table.length)
    data.set(table.subarray(0, Math.min(table.length, data.length - from)), from);
  if (deviation !== 1) for (let i = 0; i < data.length; i++) data[i]! *= deviation;
  return hostTensor(data, shape);
}

const codeDeviation = 40;

/** Words of four codes of 8 bits each (`kernels/int8.ts`); the one in 700 beyond 127 wraps around. */
function madeCodes(shape: Shape): HostTensor {
  const codes = Int8Array.from(made([4 * sizeOf(shape)], codeDeviation).data);
  return hostTensor(new Int32Array(codes.buffer), shape);
}

/** Weights of a deviation that keeps activations at their size: ones for norms, 1 / √(fan-in) for matrices. */
export function madeWeight(name: string, { shape, dtype }: Pick<Tensor, "shape" | "dtype">): HostTensor {
  if (dtype === "i32") return madeCodes(shape);
  if (/(^|\.)scale$/.test(name)) {
    const scale = 1 / (codeDeviation * Math.sqrt(int8Side * shape[1]!));
    return hostTensor(new Float32Array(sizeOf(shape)).fill(scale), shape);
  }
  if (/norm\w*\.weight$/i.test(name)) return hostTensor(new Float32Array(sizeOf(shape)).fill(1), shape);
  return made(shape, shape.length > 1 ? sizeOf(shape.slice(1)) ** -0.5 : 0.02);
}

/** Inputs of a trial with made-up values. */
export class Feeds {
  readonly values: Record<string, HostTensor> = {};

  add(name: string, value: HostTensor): Tensor {
    this.values[name] = value;
    return input(name, value.shape, value.dtype);
  }

  normal(name: string, shape: Shape): Tensor {
    return this.add(name, made(shape));
  }
}
