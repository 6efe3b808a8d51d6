/**
 * Transformers whose blocks multiply in 8 bits, weights and activations alike (W8A8), as TurboDiffusion has them (Zhang et al.
 * 2025, arXiv 2512.16093): all linear layers of the blocks, and nothing around them. Weights are quantised as they are read.
 */
import { int8Shapes, int8Side, quantise } from "../kernels/int8.ts";
import { withInt8Linears } from "../nn/int8-linear.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Runtime, WeightSource, Weights } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { hostValues } from "../tensor/values.ts";
import type { TextToVideoModel, TransformerPart } from "./model.ts";

const inBlocks = /(^|\.)blocks\.\d+\./;

/** A model that is not yet mounted, with the linear layers that its part asks for. */
export const withLinears = <T extends object>(model: T, { linears }: Pick<TransformerPart<unknown>, "linears">): T =>
  linears === "w8a8" ? withInt8Linears(model, inBlocks) : model;

/**
 * The model with its transformers' blocks in W8A8, wherever its weights come from; LoRAs come first. What comes out is close
 * to the model's own, not the same, and a tile of activations may span both halves of guidance, so that batches matter too.
 */
export function w8a8<M extends TextToVideoModel>(model: M, runtime: Runtime): M {
  const part = <P extends TransformerPart<unknown>>(own: P): P => ({
    ...own,
    linears: "w8a8",
    weights: int8Weights(own.weights, runtime),
  });
  return { ...model, transformer: part(model.transformer), hr: model.hr && part(model.hr) };
}

/** Matrices of linear layers in blocks as codes and scales; the rest as it is. */
export function int8Weights(weights: Weights, runtime: Runtime): Weights {
  const all = new Map<string, WeightSource>();
  for (const [path, weight] of weights) {
    const layer = path.replace(/\.weight$/, "");
    if (layer === path || weight.shape.length !== 2 || !inBlocks.test(layer)) {
      all.set(path, weight);
      continue;
    }
    const [rows, columns] = weight.shape as [number, number];
    const { codes, scale } = int8Shapes(rows, columns);
    const parts = forTwo(() => quantised(weight, runtime));
    all.set(`${layer}.codes`, { dtype: "i32", shape: codes, read: async () => (await parts()).codes });
    all.set(`${layer}.scale`, { dtype: "f32", shape: scale, read: async () => (await parts()).scale });
  }
  return all;
}

/** What two readers take in turn: made for the first, let go with the second. */
function forTwo<T>(make: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | undefined;
  return () => {
    const given = kept ?? make();
    kept = kept ? undefined : given;
    return given;
  };
}

/** Rows that are quantised at a time: whole tiles, and whole blocks of every type of weight. */
const band = 1024;

/** Codes and scales of a weight [O, I], by the definition on a runtime. */
async function quantised(weight: WeightSource, runtime: Runtime): Promise<{ codes: HostTensor; scale: HostTensor }> {
  const { dtype } = weight;
  const [rows, columns] = weight.shape as [number, number];
  const shapes = int8Shapes(rows, columns);
  const [words, across] = [shapes.codes[1]!, shapes.scale[1]!];
  const codes = new Int32Array(rows * words);
  const scale = new Float32Array(shapes.scale[0]! * across);
  const height = Math.min(rows, band);
  const program = buildProgram({ ...quantise(input("weight", [height, columns])) }, { keep: runtime.keeps });
  const whole = weight.readRange ? undefined : hostValues(await weight.read());
  const executable = await runtime.compile(program);
  try {
    for (let row = 0; row < rows; row += height) {
      const [from, to] = [row * columns, Math.min(rows, row + height) * columns];
      const data = whole?.subarray(from, to) ?? (await weight.readRange!(from, to));
      const values = new Float32Array(height * columns);
      values.set(hostValues({ dtype, shape: [to - from], data }));
      const part = await executable.run({ weight: hostTensor(values, [height, columns]) });
      codes.set((part["codes"]!.data as Int32Array).subarray(0, codes.length - row * words), row * words);
      const first = (row / int8Side) * across;
      scale.set((part["scale"]!.data as Float32Array).subarray(0, scale.length - first), first);
    }
  } finally {
    executable.dispose();
  }
  return { codes: hostTensor(codes, shapes.codes), scale: hostTensor(scale, shapes.scale) };
}
