import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { float, ortForm } from "./onnx.ts";

interface GroupNormOptions {
  readonly groups: number;
  /** Added to the variance before the root. */
  readonly epsilon: number;
}

/**
 * Channels in `groups` equal groups, each brought to mean 0 and variance 1 over its channels and all places, then
 * scaled and shifted per channel (Wu and He 2018): x [B, C, F, H, W], weight and bias [C].
 */
export const groupNormKernel = defineKernel<GroupNormOptions>({
  name: "group-norm",
  definition: ([x, weight, bias], { groups, epsilon }) => {
    const flat = x!.reshape(x!.shape[0]!, groups, -1);
    const centred = flat.sub(flat.mean(-1, true));
    const normed = centred.mul(centred.square().mean(-1, true).add(epsilon).rsqrt()).reshape(...x!.shape);
    const [scale, shift] = [weight!, bias!].map((each) => each.reshape(-1, 1, 1, 1)) as [Tensor, Tensor];
    return normed.mul(scale).add(shift);
  },
  samples: [
    { shapes: [[2, 6, 2, 3, 4], [6], [6]], options: { groups: 3, epsilon: 1e-6 } },
    { shapes: [[1, 4, 1, 5, 2], [4], [4]], options: { groups: 1, epsilon: 1e-5 } },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    ort: ortForm<GroupNormOptions>({
      // Groups stand where the instance norm has its channels.
      lower: (emit, [x, weight, bias], { groups, epsilon }, out) => {
        const flat = emit.node("Reshape", [x!.name, emit.integers([x!.shape[0]!, groups, -1])]);
        const [ones, zeros] = [1, 0].map((value) => emit.floats(new Float32Array(groups).fill(value), [groups]));
        const normed = emit.node("InstanceNormalization", [flat, ones!, zeros!], { epsilon: float(epsilon) });
        const places = emit.node("Reshape", [normed, emit.integers(out.shape)]);
        const column = emit.integers([-1, 1, 1, 1]);
        const [scale, shift] = [weight!, bias!].map((each) => emit.node("Reshape", [each.name, column]));
        return emit.node("Add", [emit.node("Mul", [places, scale!]), shift!]);
      },
    }),
  },
});

/** See `groupNormKernel`. */
export const groupNorm = (
  x: Tensor,
  { weight, bias, ...options }: GroupNormOptions & { weight: Tensor; bias: Tensor },
): Tensor => call(groupNormKernel, [x, weight, bias], options);
