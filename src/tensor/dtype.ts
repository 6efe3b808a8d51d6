/** Element types. Floats narrower than f32 are storage formats: runtimes widen them where arithmetic matters. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "bool";

export const bytesPerElement: Record<DType, number> = { f32: 4, f16: 2, bf16: 2, i32: 4, bool: 1 };

export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";

export type Shape = readonly number[];

export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** A tensor's value on the host. f16 and bf16 are kept as their 16-bit patterns, bool as 0 and 1. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array;
}

/** f32 values on the host. */
export function hostTensor(data: Float32Array | Float64Array | Int32Array | number[], shape: Shape): HostTensor {
  if (data instanceof Int32Array) return { dtype: "i32", shape, data };
  return { dtype: "f32", shape, data: Array.isArray(data) ? Float32Array.from(data) : data };
}
