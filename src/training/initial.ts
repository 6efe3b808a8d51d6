import { gaussian } from "../base/philox.ts";
import { type HostTensor, hostTensor, type Shape, sizeOf } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";

/**
 * Starting weights: normal with variance 1 / fan-in for matrices and convolutions, ones for norm weights, zeros for
 * biases. `zero` names what starts at zero (last layers, so that a model begins as an identity or a mean).
 */
export function initialWeights(
  model: object,
  seed: number,
  { zero = () => false, prefix = "" }: { zero?: (name: string) => boolean; prefix?: string } = {},
): Map<string, HostTensor> {
  return new Map(
    [...parametersOf(model, prefix)].map(([name, { shape }]) => [name, initial(name, shape, seed, zero(name))]),
  );
}

function initial(name: string, shape: Shape, seed: number, zero: boolean): HostTensor {
  const size = sizeOf(shape);
  if (zero) return hostTensor(new Float32Array(size), shape);
  if (/norm\w*\.weight$/i.test(name)) return hostTensor(new Float32Array(size).fill(1), shape);
  if (/table$/i.test(name)) return scaled(size, shape, seed, name, 0.02);
  if (shape.length < 2) return hostTensor(new Float32Array(size), shape);
  return scaled(size, shape, seed, name, sizeOf(shape.slice(1)) ** -0.5);
}

function scaled(size: number, shape: Shape, seed: number, name: string, gain: number): HostTensor {
  return hostTensor(
    gaussian(size, seed, name).map((x) => x * gain),
    shape,
  );
}
