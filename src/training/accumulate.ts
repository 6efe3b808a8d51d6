/** Sums of gradients over several steps, kept on the device beside weights and moments. */
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { parameter, type Tensor } from "../tensor/tensor.ts";

const sumName = (name: string): string => `${name}#sum`;

/** What a parameter's gradients are summed into. */
export const sumOf = ({ name, shape }: Tensor): Tensor => Object.assign(parameter(shape), { name: sumName(name!) });

/** Updates that add `gradients` / count. */
export function addToSums(
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  count: number,
): Map<Tensor, Tensor> {
  return new Map(
    parameters.map((p, index) => {
      const sum = sumOf(p);
      return [sum, sum.add(gradients[index]!.mul(1 / count))];
    }),
  );
}

export const initialSums = (values: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> =>
  new Map([...values].map(([name, { shape }]) => [sumName(name), hostTensor(new Float32Array(sizeOf(shape)), shape)]));
