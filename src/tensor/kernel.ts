import type { Tensor } from "./tensor.ts";

/** Arguments of one trial of a kernel in the shared suite: operand shapes, and options where it takes any. */
export interface Sample<O> {
  readonly shapes: readonly (readonly number[])[];
  readonly options?: O;
  /** All operands from the drawn ones, where some follow from others. */
  readonly operands?: (drawn: readonly Tensor[]) => readonly Tensor[];
}

// biome-ignore lint/suspicious/noExplicitAny: one table holds kernels of every option type
type Options = any;

/**
 * A named function of tensors with one result. `definition`, in primitives, is its meaning: a runtime without a
 * faster form runs it, and gradients are derived from it unless `pullback` gives a cheaper rule.
 */
export interface Kernel<O = Options> {
  readonly name: string;
  readonly definition: (inputs: readonly Tensor[], options: O) => Tensor;
  /** Gradients for each input from the result's gradient `g`, in terms of inputs and the result only. */
  readonly pullback?: (g: Tensor, out: Tensor, inputs: readonly Tensor[], options: O) => (Tensor | undefined)[];
  readonly samples: readonly Sample<O>[];
  /** Relative error in the 2-norm that a fast form may have against the definition. */
  readonly tolerance: { readonly f32: number; readonly f16: number };
  /** Faster forms per runtime, as data that the runtime understands; see the runtime's own type. */
  readonly fast?: Readonly<Record<string, unknown>>;
}

const registry = new Map<string, Kernel>();

/** Registers a kernel; the shared suite and every runtime find it by its name. */
export function defineKernel<O>(kernel: Kernel<O>): Kernel<O> {
  registry.set(kernel.name, kernel);
  return kernel;
}

/** Every kernel defined so far. */
export const kernels = (): readonly Kernel[] => [...registry.values()];
