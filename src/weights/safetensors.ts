import { CheckpointError } from "../base/errors.ts";
import { type Dtype, elementCount, type NativeArray, type StoredType, storageOf, viewAs } from "./dtype.ts";
import { impostorError } from "./file-kind.ts";
import { bf16ToF32, e4m3ToF32, e5m2ToF32, f16ToF32 } from "./half.ts";
import { dequantise, isBlockType } from "./quantised.ts";
import { parseHeader } from "./safetensors-header.ts";
import type { ByteSource } from "./source.ts";

/** Where the bytes of one tensor lie: little-endian, row-major, [start, end) counted from the start of the source. */
export interface TensorEntry<D extends StoredType = StoredType> {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
  readonly source: ByteSource;
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The limit of the safetensors library itself; a header of a 10,000-tensor model has about one megabyte. */
const maxHeaderBytes = 100_000_000;

/** Reads the header only: 8 bytes of length, then JSON. No tensor is touched. */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const where = source.name;
  if (source.size < 8)
    throw new CheckpointError(`truncated: a safetensors file has at least 8 bytes, got ${source.size}`, {
      where,
      hint: "download the file again",
    });
  const first = await source.slice(0, Math.min(source.size, 32));
  const headerBytes = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > source.size) {
    const limit = Math.min(maxHeaderBytes, source.size - 8);
    throw (
      impostorError(where, first) ??
      new CheckpointError(`its header would have ${headerBytes} bytes, at most ${limit} are possible`, {
        where,
        hint: "the file is truncated or is no safetensors file; download it again",
      })
    );
  }
  const dataStart = 8 + headerBytes;
  const text = decodeText(await source.slice(8, dataStart), where);
  if (!text.startsWith("{")) {
    const impostor = impostorError(where, first);
    if (impostor) throw impostor;
  }
  const header = parseHeader(text, source.size - dataStart, where);
  const tensors = new Map<string, TensorEntry>();
  for (const entry of header.entries)
    tensors.set(entry.name, { ...entry, start: entry.start + dataStart, end: entry.end + dataStart, source });
  return { tensors, metadata: header.metadata };
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError("the header must be JSON in UTF-8, got other bytes", {
      where,
      cause,
      hint: "the file is damaged or is no safetensors file",
    });
  }
}

/** The elements in their own type; F16, BF16 and 8-bit floats as bit patterns. Quantised blocks have none. */
export async function readTensor<D extends StoredType>({
  name,
  dtype,
  start,
  end,
  source,
}: TensorEntry<D>): Promise<NativeArray<Extract<D, Dtype>>> {
  if (isBlockType(dtype))
    throw new CheckpointError(`expected plain elements, got ${dtype} blocks`, {
      where: `${source.name}: ${JSON.stringify(name)}`,
    });
  return viewAs(await source.slice(start, end), dtype as Extract<D, Dtype>);
}

/**
 * The elements of a floating point tensor as f32, all of them or those from `from` to `to` (whole blocks where the
 * type has any). Integers are refused: they do not mean weights.
 */
export async function readFloat32(entry: TensorEntry, from = 0, to = elementCount(entry.shape)): Promise<Float32Array> {
  const { elements, bytes: width } = storageOf(entry.dtype);
  const at = (element: number): number => entry.start + (element / elements) * width;
  const bytes = await entry.source.slice(at(from), at(to));
  return toFloat32(bytes, entry.dtype, `${entry.source.name}: ${JSON.stringify(entry.name)}`);
}

/** Bytes of a floating point type as f32: exact, except that F64 and products of scales are rounded. */
function toFloat32(bytes: Uint8Array, dtype: StoredType, where: string): Float32Array {
  if (isBlockType(dtype)) return dequantise(bytes, dtype);
  switch (dtype) {
    case "F32":
      return viewAs(bytes, dtype);
    case "F64":
      return Float32Array.from(viewAs(bytes, dtype));
    case "F16":
      return f16ToF32(viewAs(bytes, dtype));
    case "BF16":
      return bf16ToF32(viewAs(bytes, dtype));
    case "F8_E4M3":
      return e4m3ToF32(bytes);
    case "F8_E5M2":
      return e5m2ToF32(bytes);
    default:
      throw new CheckpointError(`expected a floating point tensor, got ${dtype}`, { where });
  }
}
