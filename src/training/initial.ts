import { gaussian } from "../base/philox.ts";
import { type HostTensor, hostTensor, type Shape, sizeOf } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";

export interface InitialOptions {
  /** Multiplies the usual deviation of a tensor; 0 lets it start at zero (last layers: a model begins as an identity). */
  readonly gain?: (name: string) => number;
  /** Deviation of a bias. */
  readonly bias?: (name: string) => number;
  readonly prefix?: string;
}

/** Starting weights: normal with variance 1 / fan-in for matrices and convolutions, ones for norm weights, zeros for biases. */
export function initialWeights(
  model: object,
  seed: number,
  { gain = () => 1, bias = () => 0, prefix = "" }: InitialOptions = {},
): Map<string, HostTensor> {
  return new Map(
    [...parametersOf(model, prefix)].map(([name, { shape }]) => {
      const size = sizeOf(shape);
      if (/norm\w*\.weight$/i.test(name)) return [name, hostTensor(new Float32Array(size).fill(1), shape)];
      const deviation = /table$/i.test(name) ? 0.02 : shape.length < 2 ? bias(name) : fanIn(shape) ** -0.5;
      return [name, scaled(size, shape, seed, name, deviation * (shape.length < 2 ? 1 : gain(name)))];
    }),
  );
}

const fanIn = (shape: Shape): number => sizeOf(shape.slice(1));

function scaled(size: number, shape: Shape, seed: number, name: string, gain: number): HostTensor {
  if (gain === 0) return hostTensor(new Float32Array(size), shape);
  return hostTensor(
    gaussian(size, seed, name).map((x) => x * gain),
    shape,
  );
}
