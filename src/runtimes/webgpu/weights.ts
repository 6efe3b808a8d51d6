/** Weights in device memory: read piece by piece, held once for all programs that use them. */
import { type HostTensor, isFloat, type Shape, sizeOf } from "../../tensor/dtype.ts";
import type { WeightSource } from "../../tensor/runtime.ts";
import { bytesOf, encode, type Format, formats } from "./format.ts";
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

/** Elements that are read and converted at a time: 16 MB as f32. */
const usualPiece = 2 ** 22;
/** Bytes that may wait in host memory for the device to take them. */
const mostWaiting = 2 ** 28;

interface Entry {
  readonly held: Promise<HeldWeight>;
  users: number;
}

export class WeightMemory {
  readonly #gpu: Gpu;
  readonly #piece: number;
  #waiting = 0;
  readonly #entries = new Map<WeightSource, Map<Format, Entry>>();

  /** @param piece about how many elements are read and converted at a time */
  constructor(gpu: Gpu, piece = usualPiece) {
    this.#gpu = gpu;
    this.#piece = piece;
  }

  /** The weight on the device; `release` it when no longer needed. */
  hold(name: string, source: WeightSource, format: Format): Promise<HeldWeight> {
    const formats = this.#entries.get(source) ?? new Map<Format, Entry>();
    this.#entries.set(source, formats);
    let entry = formats.get(format);
    if (!entry) {
      formats.set(format, (entry = { held: this.#upload(name, source, format), users: 0 }));
      entry.held.catch(() => this.#forget(source, format));
    }
    entry.users++;
    return entry.held;
  }

  /** For each `hold` that succeeded. */
  release(source: WeightSource, format: Format): void {
    const entry = this.#entries.get(source)?.get(format);
    if (!entry || --entry.users > 0) return;
    this.#forget(source, format);
    void entry.held.then(({ block, factors }) => {
      this.#gpu.free(block);
      if (factors) this.#gpu.free(factors);
    });
  }

  #forget(source: WeightSource, format: Format): void {
    const formats = this.#entries.get(source);
    formats?.delete(format);
    if (!formats?.size) this.#entries.delete(source);
  }

  async #upload(name: string, source: WeightSource, format: Format): Promise<HeldWeight> {
    const size = sizeOf(source.shape);
    const width = format === "i8x4" ? source.shape[1]! : 1;
    const block = await this.#gpu.allocate(bytesOf(format, size), name);
    let factors: Block | undefined;
    try {
      if (format === "i8x4") factors = await this.#gpu.allocate(bytesOf("f32", size / width), name);
      for await (const { from, value } of this.#pieces(source, width)) {
        const part = encode(value, format);
        this.#gpu.write(block, part.bytes, (from * formats[format].bits) / 8);
        if (factors) this.#gpu.write(factors, new Uint8Array(part.factors!.buffer), (from / width) * 4);
        await this.#settle(part.bytes.byteLength);
      }
    } catch (cause) {
      this.#gpu.free(block);
      if (factors) this.#gpu.free(factors);
      throw cause;
    }
    return { block, factors };
  }

  /** Rows of a width, some at a time: multiples of 256 elements, which fill 16 bytes in every format. */
  async *#pieces(source: WeightSource, width: number): AsyncGenerator<{ from: number; value: HostTensor }> {
    const { dtype, shape } = source;
    const size = sizeOf(shape);
    const each = Math.max(1, Math.floor(this.#piece / (256 * width))) * 256 * width;
    if (!source.readRange || size <= each) {
      const { data } = await source.read();
      yield { from: 0, value: { dtype, shape: [size / width, width], data } };
      return;
    }
    for (let from = 0; from < size; from += each) {
      const to = Math.min(size, from + each);
      yield { from, value: { dtype, shape: [(to - from) / width, width], data: await source.readRange(from, to) } };
    }
  }

  /** What is written waits in host memory until the device has taken it: now and then, that is waited for. */
  async #settle(bytes: number): Promise<void> {
    this.#waiting += bytes;
    if (this.#waiting < mostWaiting) return;
    this.#waiting = 0;
    await this.#gpu.settle();
  }
}
