/**
 * Convolutions in ONNX Runtime's blocked layout (NCHWc): as many channels as a vector register holds lie side by side,
 * and no columns are written out. ONNX Runtime turns to it by itself for 2-D convs with constant weights; this is for
 * 3-D ones whose weights are trained. The operators are those of the graphs that it saves after optimising.
 */
import type { Shape } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import { slice } from "./conv.ts";
import { Emitter } from "./emitter.ts";
import { encodeModel } from "./onnx-file.ts";
import type { OrtModule } from "./ort.ts";

const domain = "com.microsoft.nchwc";

/** Channels in a block on this machine; 0 where the library has no such layout. */
export async function channelBlock(module: OrtModule): Promise<number> {
  const [channels, places] = [64, 2];
  const shape = [1, channels, 1, places];
  const emit = new Emitter();
  const y = emit.node("ReorderInput", ["x"], {}, domain);
  const graph = {
    nodes: emit.nodeList,
    initializers: [],
    inputs: [{ name: "x", shape, dtype: "f32" as const }],
    outputs: [{ name: y, shape, dtype: "f32" as const }],
  };
  try {
    const session = await module.InferenceSession.create(encodeModel(graph), {
      executionProviders: ["cpu"],
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    const numbers = Float32Array.from({ length: channels * places }, (_, at) => at);
    const results = await session.run({ x: new module.Tensor("float32", numbers, shape) }, { [y]: null });
    await session.release();
    const second = (results[y]!.data as Float32Array).indexOf(1); // the second place follows the first one's block
    return second > 1 && second < channels ? second : 0;
  } catch {
    return 0;
  }
}

/** Below this many columns the layout's kernels spend their time at the borders. */
const fewColumns = 8;

/** Whether a conv is faster in blocks: one with whole blocks of channels, a kernel to slide and rows to slide it along. */
export function suitsBlocks(block: number, weight: Shape, out: Shape): boolean {
  const [outer, inner, , tall, wide] = weight as [number, number, number, number, number];
  return block > 0 && outer % block === 0 && inner % block === 0 && tall * wide > 1 && out[4]! >= fewColumns;
}

/** A conv as one 2-D conv in blocks for each tap along frames, added up in place: frames are images. */
export function convInBlocks(
  emit: Emitter,
  [x, w]: [string, string],
  shape: Shape,
  weight: Shape,
  { stride, padding }: OpAttributes["conv"],
  out: Shape,
): string {
  const [batch, inner, , ...place] = shape as [number, number, number, number, number];
  const [outer, , depth, ...kernel] = weight as [number, number, number, number, number];
  const [, , frames, ...outPlace] = out as [number, number, number, number, number];
  const reshape = (value: string, to: readonly number[]) => emit.node("Reshape", [value, emit.integers(to)]);
  const [before, after] = padding[0]!;
  let images = emit.node("Transpose", [x], { perm: [0, 2, 1, 3, 4] });
  if (before || after) {
    const pads = emit.integers([0, before, 0, 0, 0, 0, after, 0, 0, 0]);
    images = emit.node("Pad", [images, pads, emit.scalar(0)]);
  }
  const blocked = emit.node("ReorderInput", [reshape(images, [-1, inner, ...place])], {}, domain);
  const clips = reshape(blocked, [batch, -1, inner, ...place]);
  const block = emit.channelBlock;
  const apart = [outer / block, block, inner / block, block, depth, kernel[0] * kernel[1]];
  const filters = emit.node("Transpose", [reshape(w, apart)], { perm: [4, 0, 2, 5, 3, 1] });
  const spatial = padding.slice(1);
  const attributes = {
    kernel_shape: kernel,
    strides: stride.slice(1),
    pads: [...spatial.map(([low]) => low), ...spatial.map(([, high]) => high)],
  };
  let sum: string | undefined;
  for (let tap = 0; tap < depth; tap++) {
    const met = slice(emit, clips, [tap], [tap + (frames - 1) * stride[0]! + 1], [1], [stride[0]!]);
    const filter = reshape(slice(emit, filters, [tap], [tap + 1], [0], [1]), [outer, inner, ...kernel]);
    const operands = [reshape(met, [-1, inner, ...place]), filter];
    sum = emit.node("Conv", sum ? [...operands, "", sum] : operands, attributes, domain);
  }
  const plain = emit.node("ReorderOutput", [sum!], { channels: outer }, domain);
  return emit.node("Transpose", [reshape(plain, [batch, frames, outer, ...outPlace])], { perm: [0, 2, 1, 3, 4] });
}
