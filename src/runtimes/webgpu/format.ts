/** How elements lie in device memory, how WGSL reads and writes them, and how host values become them. */
import { type DType, type HostTensor, isFloat, sizeOf } from "../../tensor/dtype.ts";
import { hostValues } from "../../tensor/values.ts";
import { f32ToBf16, f32ToF16 } from "../../weights/half.ts";

/**
 * - `f32`, `i32`: as they are; `u32`: a bool in four bytes;
 * - `f16`: needs the device feature, may be written;
 * - `f16x2`, `bf16x2`, `i8x4`: packed into words, only read (weights); `i8x4` has an f32 factor a row behind its values.
 */
export type Format = "f32" | "i32" | "u32" | "f16" | "f16x2" | "bf16x2" | "i8x4";

interface Access {
  /** Bits of an element. */
  readonly bits: number;
  /** Type of the array's items, which hold four elements each. */
  readonly item: string;
  /** Element `i` of `array`. */
  readonly read: (array: string, i: string) => string;
  /** Four elements, as a vec4, from a multiple of four. */
  readonly read4: (array: string, item: string) => string;
}

const component = (array: string, i: string) => `${array}[${i} / 4u][${i} % 4u]`;

export const formats: Record<Format, Access> = {
  f32: { bits: 32, item: "vec4<f32>", read: component, read4: (a, i) => `${a}[${i}]` },
  i32: { bits: 32, item: "vec4<i32>", read: component, read4: (a, i) => `${a}[${i}]` },
  u32: {
    bits: 32,
    item: "vec4<u32>",
    read: (a, i) => `(${component(a, i)} != 0u)`,
    read4: (a, i) => `(${a}[${i}] != vec4(0u))`,
  },
  f16: {
    bits: 16,
    item: "vec4<f16>",
    read: (a, i) => `f32(${component(a, i)})`,
    read4: (a, i) => `vec4<f32>(${a}[${i}])`,
  },
  f16x2: {
    bits: 16,
    item: "vec2<u32>",
    read: (a, i) => `unpack2x16float(${a}[${i} / 4u][(${i} / 2u) % 2u])[${i} % 2u]`,
    read4: (a, i) => `vec4(unpack2x16float(${a}[${i}].x), unpack2x16float(${a}[${i}].y))`,
  },
  bf16x2: {
    bits: 16,
    item: "vec2<u32>",
    read: (a, i) => `bf16(${a}[${i} / 4u][(${i} / 2u) % 2u])[${i} % 2u]`,
    read4: (a, i) => `vec4(bf16(${a}[${i}].x), bf16(${a}[${i}].y))`,
  },
  i8x4: {
    bits: 8,
    item: "u32",
    read: (a, i) => `int8(${a}[${i} / 4u])[${i} % 4u]`,
    read4: (a, i) => `int8(${a}[${i}])`,
  },
};

/** WGSL of `bf16` and `int8`: the numbers of a word. @param packed whether WGSL knows `packed_4x8_integer_dot_product` */
export const wordFunctions = (packed: boolean): Record<string, string> => ({
  bf16: "fn bf16(word: u32) -> vec2<f32> { return vec2(bitcast<f32>(word << 16u), bitcast<f32>(word & 0xffff0000u)); }",
  int8: `fn int8(word: u32) -> vec4<f32> { return vec4<f32>(${packed ? "unpack4xI8(word)" : "(vec4(bitcast<i32>(word)) << vec4(24u, 16u, 8u, 0u)) >> vec4(24u)"}); }`,
});

/** WGSL's type of a value in a shader. */
export const wgslType = (dtype: DType): "f32" | "i32" | "bool" => (isFloat(dtype) ? "f32" : (dtype as "i32" | "bool"));

/** A value of `wgslType` as an item's component. */
export const stored = (format: Format, value: string): string =>
  format === "u32"
    ? `select(0u, 1u, ${value})`
    : format === "f16"
      ? `f16(clamp(${value}, -65504.0f, 65504.0f))`
      : value;

/** Bytes of `size` elements, to whole items of 16 bytes. */
export const bytesOf = (format: Format, size: number): number => Math.ceil((size * formats[format].bits) / 8 / 16) * 16;

const padded = <A extends Float32Array | Int32Array | Uint16Array | Int8Array>(
  make: new (n: number) => A,
  size: number,
  format: Format,
): A => new make((bytesOf(format, size) * 8) / formats[format].bits);

/** A host tensor's bytes in a format, and for `i8x4` the factors of its rows (first axis). */
export function encode(value: HostTensor, format: Format): { bytes: Uint8Array; factors?: Float32Array } {
  const size = sizeOf(value.shape);
  const bytesIn = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  if (format === "u32" || format === "i32") {
    const out = padded(Int32Array, size, format); // bools are 0 and 1 in either
    out.set(value.data);
    return { bytes: bytesIn(out) };
  }
  const same = value.data instanceof Uint16Array && `${value.dtype}x2` === format;
  const numbers = same || value.data instanceof Float32Array ? value.data : hostValues(value);
  if (format === "f32") {
    const out = padded(Float32Array, size, format);
    out.set(numbers);
    return { bytes: bytesIn(out) };
  }
  if (format === "i8x4") return quantise(numbers, value.shape[0] ?? 1);
  const out = padded(Uint16Array, size, format);
  const narrow = format === "bf16x2" ? f32ToBf16 : f32ToF16;
  out.set(same ? numbers : narrow(numbers instanceof Float32Array ? numbers : Float32Array.from(numbers)));
  return { bytes: bytesIn(out) };
}

/** Whole numbers from -127 to 127 times a factor a row: its largest magnitude / 127. */
function quantise(numbers: ArrayLike<number>, rows: number): { bytes: Uint8Array; factors: Float32Array } {
  const width = numbers.length / rows;
  const out = padded(Int8Array, numbers.length, "i8x4");
  const factors = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    for (let i = row * width; i < (row + 1) * width; i++) largest = Math.max(largest, Math.abs(numbers[i]!));
    factors[row] = largest / 127;
    for (let i = row * width; largest && i < (row + 1) * width; i++) out[i] = Math.round(numbers[i]! / factors[row]!);
  }
  return { bytes: new Uint8Array(out.buffer), factors };
}

/** Results from device bytes; floats of every width come as f32, in which results are stored. */
export function decode(bytes: ArrayBuffer, format: Format, { shape, dtype }: Omit<HostTensor, "data">): HostTensor {
  const size = sizeOf(shape);
  if (format === "i32") return { shape, dtype, data: new Int32Array(bytes, 0, size) };
  if (format === "u32") return { shape, dtype, data: Uint8Array.from(new Uint32Array(bytes, 0, size)) };
  return { shape, dtype: "f32", data: new Float32Array(bytes, 0, size) };
}
