import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { float, ortForm } from "./onnx.ts";

/** x · sigmoid(x). */
export const siluKernel = defineKernel<object>({
  name: "silu",
  definition: ([x]) => x!.mul(x!.sigmoid()),
  pullback: (g, out, [x]) => {
    const gate = x!.sigmoid();
    return [g.mul(gate.add(out).sub(out.mul(gate)))];
  },
  samples: [{ shapes: [[3, 17]] }],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    ort: ortForm({ lower: (emit, [x]) => emit.node("QuickGelu", [x!.name], { alpha: float(1) }, "com.microsoft") }),
  },
});

/** See `siluKernel`. */
export const silu = (x: Tensor): Tensor => call(siluKernel, [x], {});

const slope = 2 * Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** What GELU lets through of x: the sigmoid of `slope` x + `slope` `cubic` x³. */
const gateOf = (x: Tensor): Tensor =>
  x
    .mul(
      x
        .square()
        .mul(slope * cubic)
        .add(slope),
    )
    .sigmoid();

/**
 * The tanh form of GELU, ½x(1 + tanh(√(2/π)(x + 0.044715x³))), written as x · sigmoid of twice the tanh's argument
 * (Hendrycks and Gimpel 2016, section 2).
 */
export const geluKernel = defineKernel<object>({
  name: "gelu",
  definition: ([x]) => x!.mul(gateOf(x!)),
  // Runtimes that have one operation for the way there make the gate again for the way back.
  pullback: (g, out, [x]) => {
    const gate = gateOf(x!);
    const steepness = x!
      .square()
      .mul(3 * slope * cubic)
      .add(slope);
    return [g.mul(gate.add(out.sub(out.mul(gate)).mul(steepness)))];
  },
  samples: [{ shapes: [[3, 17]] }],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: { ort: ortForm({ lower: (emit, [x]) => emit.node("Gelu", [x!.name], { approximate: "tanh" }) }) },
});

/** See `geluKernel`. */
export const gelu = (x: Tensor): Tensor => call(geluKernel, [x], {});

/** How steep the sigmoid is that stands in for GELU in CLIP. */
const quick = 1.702;

/** x · sigmoid(1.702 x), the approximation of GELU that CLIP was trained with (Hendrycks and Gimpel 2016). */
export const quickGeluKernel = defineKernel<object>({
  name: "quick-gelu",
  definition: ([x]) => x!.mul(x!.mul(quick).sigmoid()),
  samples: [{ shapes: [[3, 17]] }],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    ort: ortForm({
      lower: (emit, [x]) => emit.node("QuickGelu", [x!.name], { alpha: float(quick) }, "com.microsoft"),
    }),
  },
});

/** See `quickGeluKernel`. */
export const quickGelu = (x: Tensor): Tensor => call(quickGeluKernel, [x], {});
