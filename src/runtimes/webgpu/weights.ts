/** Weights in device memory: read one after the other, held once for all programs that use them. */
import { isFloat, type Shape } from "../../tensor/dtype.ts";
import type { WeightSource } from "../../tensor/runtime.ts";
import { bytesOf, encode, type Format } from "./format.ts";
import type { Block, Gpu } from "./gpu.ts";

/** What weights are kept as. `file`: as their file has them, which loses nothing and reads half the bytes. */
export type WeightPrecision = "file" | "f32" | "f16" | "bf16" | "int8";

export interface HeldWeight {
  readonly block: Block;
  /** Factors of rows, for `i8x4`. */
  readonly factors: Block | undefined;
}

export function weightFormat({ dtype }: Pick<WeightSource, "dtype">, shape: Shape, precision: WeightPrecision): Format {
  if (!isFloat(dtype)) return dtype === "bool" ? "u32" : "i32";
  if (precision === "int8" && shape.length === 2 && shape[1]! % 4 === 0) return "i8x4";
  const narrow = precision === "file" || precision === "int8" ? dtype : precision;
  return narrow === "f16" ? "f16x2" : narrow === "bf16" ? "bf16x2" : "f32";
}

interface Entry {
  readonly held: Promise<HeldWeight>;
  users: number;
}

export class WeightMemory {
  readonly #gpu: Gpu;
  readonly #entries = new Map<WeightSource, Map<Format, Entry>>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** The weight on the device; `release` it when no longer needed. */
  hold(name: string, source: WeightSource, format: Format): Promise<HeldWeight> {
    const formats = this.#entries.get(source) ?? new Map<Format, Entry>();
    this.#entries.set(source, formats);
    let entry = formats.get(format);
    if (!entry) formats.set(format, (entry = { held: this.#upload(name, source, format), users: 0 }));
    entry.users++;
    entry.held.catch(() => formats.delete(format));
    return entry.held;
  }

  release(source: WeightSource, format: Format): void {
    const formats = this.#entries.get(source);
    const entry = formats?.get(format);
    if (!formats || !entry || --entry.users > 0) return;
    formats.delete(format);
    if (!formats.size) this.#entries.delete(source);
    void entry.held.then(({ block, factors }) => {
      this.#gpu.free(block);
      if (factors) this.#gpu.free(factors);
    });
  }

  async #upload(name: string, source: WeightSource, format: Format): Promise<HeldWeight> {
    const value = await source.read();
    const { bytes, factors } = encode({ ...value, shape: source.shape }, format);
    const block = await this.#gpu.allocate(bytes.byteLength, name);
    this.#gpu.write(block, bytes);
    if (!factors) return { block, factors: undefined };
    const rows = await this.#gpu.allocate(bytesOf("f32", factors.length), name);
    this.#gpu.write(rows, new Uint8Array(factors.buffer));
    return { block, factors: rows };
  }
}
