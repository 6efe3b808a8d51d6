/** LoRAs merged into a model's weights when those are read. */
import { CheckpointError } from "../base/errors.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import type { WeightSource, Weights } from "../tensor/runtime.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";
import type { LowRank } from "./lora.ts";
import { readFloat32 } from "./safetensors.ts";

/** up [out, r] times down [r, in], row-major. A runtime is a hundred times faster at it than loops. */
export type Product = (
  up: Float32Array,
  down: Float32Array,
  out: number,
  rank: number,
  inner: number,
) => Promise<Float32Array>;

/** The adaptations of one file by the model's own paths, times `weight`. */
export interface WeightedLora {
  readonly name: string;
  readonly weight: number;
  readonly layers: ReadonlyMap<string, LowRank>;
}

/**
 * The weights with all adaptations added. The sum is made in f32 and rounded once to the type that the weight has, so
 * that a plan for the bare model holds. Nothing is read before a runtime asks.
 */
export function withLoras(weights: Weights, loras: readonly WeightedLora[], product: Product): Weights {
  const merged = new Map(weights);
  for (const path of new Set(loras.flatMap(({ layers }) => [...layers.keys()]))) {
    const pairs = loras.flatMap(({ layers, weight, name }) => {
      const pair = layers.get(path);
      return pair && weight !== 0 ? [{ ...pair, scale: pair.scale * weight, name }] : [];
    });
    const base = weights.get(path);
    if (base && pairs.length > 0) merged.set(path, adapted(base, pairs, product));
  }
  return merged;
}

type NamedPair = LowRank & { readonly name: string };

function adapted(base: WeightSource, pairs: readonly NamedPair[], product: Product): WeightSource {
  const { dtype, shape } = base;
  const read = async (): Promise<HostTensor> => {
    const [out, inner] = shape as [number, number];
    const { up, down, rank } = await stacked(pairs, out, inner);
    const [value, change] = [await base.read(), await product(up, down, out, rank, inner)];
    const sum = widened(value);
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + change[i]!;
    return { dtype, shape, data: narrowed(sum, dtype) };
  };
  return { dtype, shape, read };
}

/** All pairs as one of the summed rank: [s₁U₁ s₂U₂ …] and [D₁; D₂; …], so that one product makes the sum. */
async function stacked(pairs: readonly NamedPair[], out: number, inner: number) {
  const rank = pairs.reduce((sum, { down }) => sum + down.shape[0]!, 0);
  const up = new Float32Array(out * rank);
  const down = new Float32Array(rank * inner);
  let from = 0;
  for (const pair of pairs) {
    const r = pair.down.shape[0]!;
    const [u, d] = [await readFloat32(pair.up), await readFloat32(pair.down)];
    for (const [entry, values] of [
      [pair.up, u],
      [pair.down, d],
    ] as const)
      if (!values.every(Number.isFinite))
        throw new CheckpointError(`${JSON.stringify(entry.name)} holds values that are not finite numbers`, {
          where: pair.name,
          hint: "the LoRA is damaged",
        });
    for (let row = 0; row < out; row++)
      for (let k = 0; k < r; k++) up[row * rank + from + k] = pair.scale * u[row * r + k]!;
    down.set(d, from * inner);
    from += r;
  }
  return { up, down, rank };
}

/** A copy as f32. */
function widened({ dtype, data }: HostTensor): Float32Array {
  if (dtype === "f16") return f16ToF32(data as Uint16Array);
  if (dtype === "bf16") return bf16ToF32(data as Uint16Array);
  return Float32Array.from(data);
}

function narrowed(values: Float32Array, dtype: WeightSource["dtype"]): HostTensor["data"] {
  if (dtype === "f16") return f32ToF16(values);
  return dtype === "bf16" ? f32ToBf16(values) : values;
}
