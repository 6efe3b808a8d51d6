import { hostTensor } from "../tensor/dtype.ts";
import { constant, type Tensor } from "../tensor/tensor.ts";

const hidden = -1e9;

/** What is added to logits so that a token sees itself and the words before it: [B or 1, 1, T, T]; mask [B, T] is 1 on words. */
export function causalBias(length: number, mask?: Tensor): Tensor {
  const later = new Float32Array(length * length);
  for (let query = 0; query < length; query++) later.fill(hidden, query * length + query + 1, (query + 1) * length);
  const bias = constant(hostTensor(later, [1, 1, length, length]));
  return mask ? bias.add(mask.sub(1).mul(-hidden).reshape(mask.shape[0]!, 1, 1, length)) : bias;
}
