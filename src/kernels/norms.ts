import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { float, ortForm } from "./onnx.ts";
import { layerRows, rmsRows } from "./rows-wgsl.ts";

interface NormOptions {
  /** Added to the mean square (or variance) before the root. */
  readonly epsilon: number;
}

const ones = (width: number): Float32Array => new Float32Array(width).fill(1);

/** x · (mean(x²) + ε)^-½ · weight over the last axis; weight [C] is optional. */
export const rmsNormKernel = defineKernel<NormOptions>({
  name: "rms-norm",
  definition: ([x, weight], { epsilon }) => {
    const normed = x!.mul(x!.square().mean(-1, true).add(epsilon).rsqrt());
    return weight ? normed.mul(weight) : normed;
  },
  samples: [
    { shapes: [[2, 5, 64], [64]], options: { epsilon: 1e-6 } },
    { shapes: [[3, 7]], options: { epsilon: 1e-5 } },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    webgpu: rmsRows,
    ort: ortForm<NormOptions>({
      lower: (emit, [x, weight], { epsilon }) => {
        const scale = weight?.name ?? emit.floats(ones(x!.shape.at(-1)!), [x!.shape.at(-1)!]);
        return emit.node("SimplifiedLayerNormalization", [x!.name, scale], { axis: -1, epsilon: float(epsilon) });
      },
    }),
  },
});

/** See `rmsNormKernel`. */
export const rmsNorm = (x: Tensor, { weight, epsilon }: { weight?: Tensor; epsilon: number }): Tensor =>
  call(rmsNormKernel, weight ? [x, weight] : [x], { epsilon });

/** (x - mean) · (variance + ε)^-½ · weight + bias over the last axis; weight and bias [C] come together or not at all. */
export const layerNormKernel = defineKernel<NormOptions>({
  name: "layer-norm",
  definition: ([x, weight, bias], { epsilon }) => {
    const centred = x!.sub(x!.mean(-1, true));
    const normed = centred.mul(centred.square().mean(-1, true).add(epsilon).rsqrt());
    return weight ? normed.mul(weight).add(bias!) : normed;
  },
  samples: [
    { shapes: [[2, 5, 64], [64], [64]], options: { epsilon: 1e-6 } },
    { shapes: [[3, 7]], options: { epsilon: 1e-5 } },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    webgpu: layerRows,
    ort: ortForm<NormOptions>({
      lower: (emit, [x, weight, bias], { epsilon }) => {
        const scale = weight?.name ?? emit.floats(ones(x!.shape.at(-1)!), [x!.shape.at(-1)!]);
        return emit.node("LayerNormalization", [x!.name, scale, ...(bias ? [bias.name] : [])], {
          axis: -1,
          epsilon: float(epsilon),
        });
      },
    }),
  },
});

/** See `layerNormKernel`. */
export const layerNorm = (
  x: Tensor,
  { weight, bias, epsilon }: { weight?: Tensor; bias?: Tensor; epsilon: number },
): Tensor => call(layerNormKernel, weight && bias ? [x, weight, bias] : [x], { epsilon });

/** x / √(mean over channels of x² + ε), x [B, C, F, H, W]: the pixel norm of the LTX autoencoder. */
export const pixelNormKernel = defineKernel<NormOptions>({
  name: "pixel-norm",
  definition: ([x], { epsilon }) => x!.mul(x!.square().mean(1, true).add(epsilon).rsqrt()),
  samples: [{ shapes: [[2, 6, 2, 3, 4]], options: { epsilon: 1e-8 } }],
  tolerance: { f32: 1e-5, f16: 3e-3 },
});

/** See `pixelNormKernel`. */
export const pixelNorm = (x: Tensor, epsilon = 1e-8): Tensor => call(pixelNormKernel, [x], { epsilon });
