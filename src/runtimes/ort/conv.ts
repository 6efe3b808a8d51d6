/** Convolutions over few positions. */
import { kernelOffsets } from "../../tensor/conv-gradients.ts";
import type { Shape } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import type { Emitter } from "./emitter.ts";

/** Elements start, start + step, ... below stop of some axes. */
export const slice = (
  emit: Emitter,
  x: string,
  start: readonly number[],
  stop: readonly number[],
  axes: readonly number[],
  step: readonly number[],
) => emit.node("Slice", [x, emit.integers(start), emit.integers(stop), emit.integers(axes), emit.integers(step)]);

/** A conv over few positions as one matrix product with the batch folded in: ORT's own runs image by image. */
export function convByColumns(
  emit: Emitter,
  [x, w]: [string, string],
  shape: Shape,
  weight: Shape,
  { stride, padding }: OpAttributes["conv"],
  out: Shape,
): string {
  const [batch, channels] = shape as [number, number];
  const places = out.slice(2);
  const pads = [0, 0, ...padding.map(([low]) => low), 0, 0, ...padding.map(([, high]) => high)];
  let turned = emit.node("Transpose", [x], { perm: [1, 0, 2, 3, 4] });
  if (pads.some((n) => n)) turned = emit.node("Pad", [turned, emit.integers(pads), emit.scalar(0)]);
  const parts = kernelOffsets(weight).map((offset) => {
    const stop = offset.map((n, axis) => n + (places[axis]! - 1) * stride[axis]! + 1);
    return emit.node("Reshape", [
      slice(emit, turned, offset, stop, [2, 3, 4], stride),
      emit.integers([channels, 1, -1]),
    ]);
  });
  const columns = emit.node("Reshape", [
    emit.node("Concat", parts, { axis: 1 }),
    emit.integers([channels * parts.length, -1]),
  ]);
  const product = emit.node("MatMul", [emit.node("Reshape", [w, emit.integers([weight[0]!, -1])]), columns]);
  const five = emit.node("Reshape", [product, emit.integers([weight[0]!, batch, ...places])]);
  return emit.node("Transpose", [five], { perm: [1, 0, 2, 3, 4] });
}
