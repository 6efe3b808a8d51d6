import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { ortForm } from "./onnx.ts";
import { softmaxRows } from "./rows-wgsl.ts";

/** exp(x) / Σ exp(x) over the last axis, shifted by the maximum so that nothing overflows. */
export const softmaxKernel = defineKernel<object>({
  name: "softmax",
  definition: ([x]) => {
    const powers = x!.sub(x!.amax(-1, true)).exp();
    return powers.div(powers.sum(-1, true));
  },
  pullback: (g, out) => [out.mul(g.sub(g.mul(out).sum(-1, true)))],
  samples: [{ shapes: [[2, 3, 7]] }, { shapes: [[1, 130]] }],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: { webgpu: softmaxRows, ort: ortForm({ lower: (emit, [x]) => emit.node("Softmax", [x!.name], { axis: -1 }) }) },
});

/** See `softmaxKernel`. */
export const softmax = (x: Tensor): Tensor => call(softmaxKernel, [x], {});
