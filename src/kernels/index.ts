/** Every kernel; importing this registers them all for the shared suite. */
export { gelu, quickGelu, silu } from "./activations.ts";
export { attention } from "./attention.ts";
export { groupNorm } from "./group-norm.ts";
export { int8Linear } from "./int8.ts";
export { linear } from "./linear.ts";
export { layerNorm, pixelNorm, rmsNorm } from "./norms.ts";
export { replicatePad } from "./replicate-pad.ts";
export { rmsNormRope } from "./rms-norm-rope.ts";
export { type Rope, rope } from "./rope.ts";
export { softmax } from "./softmax.ts";
