/** The contract between tensor programs and what runs them. */
import type { DType, HostTensor, Shape } from "./dtype.ts";
import type { Kernel } from "./kernel.ts";
import type { Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** Where a weight comes from: bytes of a file that a runtime may map, or a call that reads it. */
export interface WeightSource {
  readonly dtype: DType;
  readonly shape: Shape;
  /** The real file and the byte range that hold it, little-endian, where there is one. */
  readonly file?: { readonly path: string; readonly start: number; readonly end: number };
  read(): Promise<HostTensor>;
  /**
   * Elements [from, to) in row-major order, as `read` gives them, where a part costs no more than its bytes. Both are
   * multiples of 256, which divide into whole blocks of every quantised type, or the end of the tensor.
   */
  readRange?(from: number, to: number): Promise<HostTensor["data"]>;
}

export type Weights = ReadonlyMap<string, WeightSource>;

/** Values that live on a device between runs and that programs update: parameters in training, optimiser moments. */
export interface State {
  readonly names: readonly string[];
  read(name: string): Promise<HostTensor>;
  write(name: string, value: HostTensor): Promise<void>;
  dispose(): void;
}

/**
 * What becomes of weights that are stored narrower than they are used: `widened` once and kept so (fast, and twice the
 * memory of 16-bit weights), or left `mapped` as they are stored and widened each time that their layer runs.
 */
export type Residency = "widened" | "mapped";

export interface CompileOptions {
  /** Values of parameters that stay as they are. */
  weights?: Weights;
  /** Values of parameters that programs may update; looked up before `weights`. */
  state?: State;
  /** A runtime that computes in the stored type takes no notice. Default: widened. */
  residency?: Residency;
}

/** A program made ready for one device. */
export interface Executable {
  /**
   * Inputs by name to outputs by name; updates go to the state. An output may be written into the tensor of its name in
   * `reuse`, which then is the caller's answer: large results otherwise pile up until they are collected.
   */
  run(
    inputs: Readonly<Record<string, HostTensor>>,
    reuse?: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>>;
  /**
   * Seconds of one run, the mean of `count`, without what goes to and from the host. A runtime whose memory is the host's
   * has no such thing.
   */
  timeOnDevice?(inputs: Readonly<Record<string, HostTensor>>, count: number): Promise<number>;
  dispose(): void;
}

export interface Runtime {
  readonly name: string;
  /** Whether it runs this kernel call itself, rather than the definition. */
  keeps(kernel: Kernel, node: Tensor): boolean;
  state(initial: ReadonlyMap<string, HostTensor>): Promise<State>;
  compile(program: Program, options?: CompileOptions): Promise<Executable>;
}

/** A weight that is already in memory. */
export function weightInMemory(value: HostTensor): WeightSource {
  return { dtype: value.dtype, shape: value.shape, read: async () => value };
}
