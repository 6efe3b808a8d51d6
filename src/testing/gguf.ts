/** Little-endian pieces of a GGUF file, to be put together rightly or wrongly. */
export const u32 = (n: number): number[] => [...new Uint8Array(Uint32Array.of(n).buffer)];
export const u64 = (n: number | bigint): number[] => [...new Uint8Array(BigUint64Array.of(BigInt(n)).buffer)];
export const text = (s: string): number[] => [
  ...u64(new TextEncoder().encode(s).length),
  ...new TextEncoder().encode(s),
];
export const head = (tensors: number | bigint, fields: number | bigint, version = 3): number[] => [
  ...text("GGUF").slice(8),
  ...u32(version),
  ...u64(tensors),
  ...u64(fields),
];
export const tensor = (name: string, dims: (number | bigint)[], type: number, offset: number | bigint): number[] => [
  ...text(name),
  ...u32(dims.length),
  ...dims.flatMap(u64),
  ...u32(type),
  ...u64(offset),
];
export const padded = (bytes: number[], data: number): Uint8Array => {
  const out = new Uint8Array(Math.ceil(bytes.length / 32) * 32 + data);
  out.set(bytes);
  return out;
};

/** A sound GGUF file of f32 tensors and texts. */
export function writeGguf(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
  fields: Readonly<Record<string, string>> = {},
): Uint8Array {
  const bytes = head(tensors.size, Object.keys(fields).length);
  for (const [key, value] of Object.entries(fields)) bytes.push(...text(key), ...u32(8), ...text(value));
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    bytes.push(...tensor(name, [...shape].reverse(), 0, offset));
    offset += Math.ceil(data.byteLength / 32) * 32;
  }
  const out = padded(bytes, offset);
  let at = out.byteLength - offset;
  for (const { data } of tensors.values()) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += Math.ceil(data.byteLength / 32) * 32;
  }
  return out;
}
