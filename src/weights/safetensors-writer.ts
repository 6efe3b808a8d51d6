import { InputError } from "../base/errors.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import { type Dtype, dtypeBytes, elementCount } from "./dtype.ts";
import { f32ToBf16, f32ToF16 } from "./half.ts";

type Now<T> = T | Promise<T>;

/** A tensor to be written. `data` may be made when its turn comes, so that a large file never lies in memory. */
export interface TensorData<Data = ArrayBufferView | (() => Now<ArrayBufferView>)> {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Data;
}

export type Tensors<Data = TensorData["data"]> = ReadonlyMap<string, TensorData<Data>>;
export type Metadata = Readonly<Record<string, string>>;

/** An f32 tensor as it is to be stored, rounded if the type is narrower. */
export function storeFloat32(
  data: Float32Array,
  shape: readonly number[],
  dtype: "F32" | "F16" | "BF16" = "F32",
): TensorData<ArrayBufferView> {
  const convert = { F32: (x: Float32Array) => x, F16: f32ToF16, BF16: f32ToBf16 }[dtype];
  return { dtype, shape, data: convert(data) };
}

/** Values as they are to be stored, whole numbers as they are. */
export function storeValues(
  values: ReadonlyMap<string, HostTensor>,
  dtype: "F32" | "F16" = "F32",
  rename: (name: string) => string = (name) => name,
): Map<string, TensorData<ArrayBufferView>> {
  const store = ({ data, shape }: HostTensor): TensorData<ArrayBufferView> =>
    data instanceof Int32Array ? { dtype: "I32", shape, data } : storeFloat32(data as Float32Array, shape, dtype);
  return new Map([...values].map(([name, value]) => [rename(name), store(value)]));
}

/** A whole file in memory. The same tensors and metadata give the same bytes, whatever their order. */
export function writeSafetensors(tensors: Tensors<ArrayBufferView>, metadata: Metadata = {}): Uint8Array {
  const plan = planSafetensors(tensors, metadata);
  const out = new Uint8Array(plan.size);
  out.set(plan.header);
  for (const { name, start } of plan.tensors) {
    const { data } = tensors.get(name)!;
    out.set(tensorBytes(name, tensors, data), start);
  }
  return out;
}

/** The same bytes piece by piece: the header, whose sizes are known beforehand, then each tensor in file order. */
export async function* streamSafetensors(tensors: Tensors, metadata: Metadata = {}): AsyncGenerator<Uint8Array> {
  const plan = planSafetensors(tensors, metadata);
  yield plan.header;
  for (const { name } of plan.tensors) {
    const { data } = tensors.get(name)!;
    yield tensorBytes(name, tensors, typeof data === "function" ? await data() : data);
  }
}

export interface SafetensorsPlan {
  readonly header: Uint8Array;
  /** In file order, offsets from the start of the file. */
  readonly tensors: readonly { readonly name: string; readonly start: number; readonly end: number }[];
  readonly size: number;
}

/** Where everything goes: wide types first, so that every tensor is aligned, then by name. */
export function planSafetensors(tensors: Tensors<unknown>, metadata: Metadata = {}): SafetensorsPlan {
  const width = (name: string): number => dtypeBytes[tensors.get(name)!.dtype];
  const names = [...tensors.keys()].sort((a, b) => width(b) - width(a) || (a < b ? -1 : 1));
  // Text by hand, because a plain object would move names that look like numbers to the front.
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(sorted(metadata))}`);
  const ranges: { name: string; start: number; end: number }[] = [];
  let position = 0;
  for (const name of names) {
    const { dtype, shape } = tensors.get(name)!;
    if (name === "__metadata__") throw new InputError("a tensor cannot be named __metadata__");
    const end = position + byteLength(name, dtype, shape);
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [position, end] })}`);
    ranges.push({ name, start: position, end });
    position = end;
  }
  const header = frame(`{${fields.join(",")}}`);
  const shift = header.byteLength;
  return {
    header,
    tensors: ranges.map(({ name, start, end }) => ({ name, start: start + shift, end: end + shift })),
    size: shift + position,
  };
}

/** The length, the text, and spaces up to a multiple of 8, so that the data behind it is aligned. */
function frame(text: string): Uint8Array {
  const json = new TextEncoder().encode(text);
  const length = Math.ceil(json.byteLength / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

const sorted = (record: Metadata): Metadata =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

function byteLength(name: string, dtype: Dtype, shape: readonly number[]): number {
  const count = elementCount(shape);
  if (Number.isNaN(count))
    throw new InputError(`${JSON.stringify(name)} has the impossible shape [${shape.join(", ")}]`);
  return count * dtypeBytes[dtype];
}

function tensorBytes(name: string, tensors: Tensors<unknown>, data: ArrayBufferView): Uint8Array {
  const { dtype, shape } = tensors.get(name)!;
  const expected = byteLength(name, dtype, shape);
  if (data.byteLength !== expected)
    throw new InputError(
      `${JSON.stringify(name)}: ${dtype} [${shape.join(", ")}] needs ${expected} bytes, its data has ${data.byteLength}`,
    );
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
