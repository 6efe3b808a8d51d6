import { defineKernel } from "../tensor/kernel.ts";
import { call, concat, type Tensor } from "../tensor/tensor.ts";
import { ortForm } from "./onnx.ts";

interface PadOptions {
  /** Copies of the border before and after, for each of the last three axes. */
  readonly padding: readonly (readonly [before: number, after: number])[];
}

const firstAxis = 2;

/** Enlarges x [B, C, F, H, W] by copies of its borders in time, height and width. */
export const replicatePadKernel = defineKernel<PadOptions>({
  name: "replicate-pad",
  definition: ([x], { padding }) =>
    padding.reduce((padded, [before, after], i) => {
      const axis = firstAxis + i;
      const copies = (border: Tensor, count: number) => new Array<Tensor>(count).fill(border);
      const [first, last] = [padded.slice(axis, 0, 1), padded.slice(axis, -1)];
      return concat([...copies(first, before), padded, ...copies(last, after)], axis);
    }, x!),
  // What flowed into a copy flows back to the border.
  pullback: (g, _, __, { padding }) => [
    padding.reduce((left, [before, after], i) => {
      const axis = firstAxis + i;
      const size = left.shape[axis]! - before - after;
      const core = left.slice(axis, before, before + size);
      const place = (border: Tensor, at: number) => {
        const zeros = left.shape.map(() => 0);
        return border.pad(zeros.with(axis, at), zeros.with(axis, size - 1 - at));
      };
      const head = before ? [place(left.slice(axis, 0, before).sum(axis, true), 0)] : [];
      const tail = after ? [place(left.slice(axis, -after).sum(axis, true), size - 1)] : [];
      return [...head, ...tail].reduce((sum, border) => sum.add(border), core);
    }, g),
  ],
  samples: [
    {
      shapes: [[2, 3, 2, 3, 4]],
      options: {
        padding: [
          [2, 0],
          [1, 1],
          [0, 2],
        ],
      },
    },
    {
      shapes: [[1, 2, 1, 1, 3]],
      options: {
        padding: [
          [2, 0],
          [1, 1],
          [1, 1],
        ],
      },
    },
  ],
  tolerance: { f32: 1e-6, f16: 1e-3 },
  fast: {
    ort: ortForm<PadOptions>({
      lower: (emit, [x], { padding }) => {
        const amounts = [0, 1].flatMap((side) => [0, 0, ...padding.map((pair) => pair[side]!)]);
        return emit.node("Pad", [x!.name, emit.integers(amounts)], { mode: "edge" });
      },
    }),
  },
});

/** See `replicatePadKernel`. */
export const replicatePad = (x: Tensor, padding: PadOptions["padding"]): Tensor =>
  padding.every(([before, after]) => before === 0 && after === 0) ? x : call(replicatePadKernel, [x], { padding });
