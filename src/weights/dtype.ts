import { type BlockType, blockFormats, isBlockType } from "./quantised.ts";

/** Element types as safetensors spells them, with the bytes of one element. */
export const dtypeBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof dtypeBytes;

export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(dtypeBytes, name);
}

/** What a file may hold: plain elements, or blocks of quantised ones (GGUF). */
export type StoredType = Dtype | BlockType;

/** The smallest piece of a type that stands alone: one element, or a block. */
export function storageOf(type: StoredType): { readonly elements: number; readonly bytes: number } {
  return isBlockType(type) ? blockFormats[type] : { elements: 1, bytes: dtypeBytes[type] };
}

/** What JavaScript has for each type; F16, BF16 and the 8-bit floats stay bit patterns. */
const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} satisfies Record<Dtype, unknown>;

export type NativeArray<D extends Dtype = Dtype> = InstanceType<(typeof arrays)[D]>;

/** The bytes seen as elements, without a copy where they lie aligned. */
export function viewAs<D extends Dtype>(bytes: Uint8Array, dtype: D): NativeArray<D> {
  const size = dtypeBytes[dtype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new arrays[dtype](
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    bytes.byteLength / size,
  ) as NativeArray<D>;
}

/** Elements in a shape; 1 for a scalar. NaN where a size is not a count or the product is beyond exact integers. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return Number.NaN;
    count *= size;
    if (!Number.isSafeInteger(count)) return Number.NaN;
  }
  return count;
}
