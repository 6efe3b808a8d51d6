import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { rmsNorm } from "./norms.ts";
import { type Rope, rope } from "./rope.ts";
import { turnedRmsRows } from "./rows-wgsl.ts";

interface RmsNormRopeOptions {
  /** Added to the mean square before the root. */
  readonly epsilon: number;
}

/**
 * Queries or keys on their way into attention: RMS norm, then rotation. x [B, N, D] is normalised in rows as wide as
 * weight [W], the whole width or one head; cos and sin [N or B N, P] turn neighbouring channel pairs as in `ropeKernel`.
 * P divides W / 2, W divides D.
 */
export const rmsNormRopeKernel = defineKernel<RmsNormRopeOptions>({
  name: "rms-norm-rope",
  definition: ([x, weight, cos, sin], { epsilon }) => {
    const [batch, tokens, width] = x!.shape as [number, number, number];
    const rows = x!.reshape(batch, tokens, -1, weight!.shape[0]!);
    const normed = rmsNorm(rows, { weight: weight!, epsilon }).reshape(batch, tokens, width);
    return rope(normed, { cos: cos!, sin: sin! });
  },
  samples: [
    { x: [2, 5, 64], row: 64, table: [5, 32] }, // the whole width
    { x: [2, 5, 24], row: 8, table: [5, 4] }, // a head a row
    { x: [2, 5, 12], row: 12, table: [5, 2] }, // heads turned alike, normalised together
    { x: [2, 3, 16], row: 16, table: [6, 8] }, // a table for each of the batch
    { x: [1, 2, 1030], row: 1030, table: [2, 515] }, // several pairs a lane, not all lanes alike
  ].map(({ x, row, table }) => ({ shapes: [x, [row], table, table], options: { epsilon: 1e-6 } })),
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: { webgpu: turnedRmsRows },
});

/** See `rmsNormRopeKernel`. */
export const rmsNormRope = (
  x: Tensor,
  { weight, epsilon, cos, sin }: RmsNormRopeOptions & { weight: Tensor } & Rope,
): Tensor => call(rmsNormRopeKernel, [x, weight, cos, sin], { epsilon });
