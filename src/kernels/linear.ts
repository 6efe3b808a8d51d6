import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { ortForm } from "./onnx.ts";

/** x · Wᵀ + b over the last axis: x [..., I], weight [O, I], bias [O] (optional) to [..., O]. */
export const linearKernel = defineKernel<{ bias: boolean }>({
  name: "linear",
  definition: ([x, weight, bias]) => {
    const product = x!.matmul(weight!, { transposeB: true });
    return bias ? product.add(bias) : product;
  },
  pullback: (g, _, [x, weight, bias]) => {
    const rows = g.reshape(-1, g.shape.at(-1)!);
    return [
      g.matmul(weight!),
      rows.matmul(x!.reshape(-1, x!.shape.at(-1)!), { transposeA: true }),
      ...(bias ? [rows.sum(0)] : []),
    ];
  },
  samples: [
    { shapes: [[5, 6], [4, 6], [4]], options: { bias: true } },
    {
      shapes: [
        [2, 3, 6],
        [4, 6],
      ],
      options: { bias: false },
    },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    ort: ortForm<{ bias: boolean }>({
      lower: (emit, [x, weight, bias], _, out) => {
        const flat =
          x!.shape.length === 2 ? x!.name : emit.node("Reshape", [x!.name, emit.integers([-1, x!.shape.at(-1)!])]);
        const product = emit.node("Gemm", [flat, weight!.name, ...(bias ? [bias.name] : [])], { transB: 1 });
        return out.shape.length === 2 ? product : emit.node("Reshape", [product, emit.integers(out.shape)]);
      },
    }),
  },
});

/** See `linearKernel`. */
export const linear = (x: Tensor, weight: Tensor, bias?: Tensor): Tensor =>
  call(linearKernel, bias ? [x, weight, bias] : [x, weight], { bias: bias !== undefined });
