/** GGUF files as tensors that are read by range, like those of safetensors. */
import { CheckpointError } from "../base/errors.ts";
import { elementCount, isDtype, type StoredType, storageOf } from "./dtype.ts";
import {
  damagedGguf,
  type GgufHeader,
  type GgufTensorInfo,
  type GgufValue,
  maxHeaderBytes,
  NeedMoreBytes,
  parseGgufHeader,
} from "./gguf-header.ts";
import { isBlockType } from "./quantised.ts";
import type { TensorEntry } from "./safetensors.ts";
import type { ByteSource } from "./source.ts";

export interface GgufFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** All fields, lists included: a text encoder's file holds its whole vocabulary. */
  readonly fields: ReadonlyMap<string, GgufValue>;
}

/** ggml's numbers of types (ggml.h); those that are not read are here to be named. */
const typeNames: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  30: "BF16",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
  40: "NVFP4",
};

const readable = "F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1, Q4_0, Q3_K, Q2_K";

export const isGguf = (firstBytes: Uint8Array): boolean =>
  [0x47, 0x47, 0x55, 0x46].every((byte, at) => firstBytes[at] === byte);

const firstRead = 2 ** 20;

/** Reads the head only; no tensor is touched. */
export async function readGguf(source: ByteSource): Promise<GgufFile> {
  const header = await readHeader(source);
  const { fields } = header;
  const tensors = new Map<string, TensorEntry>();
  for (const info of header.tensors) {
    if (tensors.has(info.name)) throw damagedGguf(source.name, `${JSON.stringify(info.name)} is listed twice`);
    tensors.set(info.name, entryOf(info, header, source));
  }
  checkRanges([...tensors.values()], source);
  const metadata: Record<string, string> = {};
  for (const [key, value] of fields) if (typeof value === "string") metadata[key] = value;
  return { tensors, metadata, fields };
}

async function readHeader(source: ByteSource): Promise<GgufHeader> {
  for (let window = firstRead; ; window *= 4) {
    const bytes = await source.slice(0, Math.min(window, source.size));
    try {
      return parseGgufHeader(bytes, source.size, source.name);
    } catch (cause) {
      if (!(cause instanceof NeedMoreBytes)) throw cause;
      if (window >= maxHeaderBytes) throw damagedGguf(source.name, `its header has more than ${maxHeaderBytes} bytes`);
    }
  }
}

function entryOf(info: GgufTensorInfo, { fields, dataStart }: GgufHeader, source: ByteSource): TensorEntry {
  const where = `${source.name}: ${JSON.stringify(info.name)}`;
  const dtype = typeOf(info.type, where);
  const count = elementCount(info.shape);
  if (Number.isNaN(count)) throw damagedGguf(where, `its shape is [${info.shape.join(", ")}]`);
  const { elements, bytes } = storageOf(dtype);
  if ((info.shape.at(-1) ?? 1) % elements)
    throw damagedGguf(where, `rows of ${info.shape.at(-1)} are no whole number of ${dtype} blocks of ${elements}`);
  const start = dataStart + info.offset;
  return {
    name: info.name,
    dtype,
    shape: originalShape(info, fields, count),
    start,
    end: start + (count / elements) * bytes,
    source,
  };
}

function typeOf(type: number, where: string): StoredType {
  const name = typeNames[type] ?? `number ${type}`;
  if (isDtype(name) || isBlockType(name)) return name;
  throw new CheckpointError(`its GGUF type ${name} is not read`, {
    where,
    hint: `use a file in one of ${readable}`,
  });
}

/** Quantisers fold tensors that do not suit the format and note the shape they had. */
function originalShape(
  { name, shape }: GgufTensorInfo,
  fields: GgufHeader["fields"],
  count: number,
): readonly number[] {
  const noted = fields.get(`comfy.gguf.orig_shape.${name}`);
  if (!Array.isArray(noted)) return shape;
  const original = noted.map(Number);
  return elementCount(original) === count ? original : shape;
}

/** Every tensor lies inside the file and none in another. Between them there may be padding. */
function checkRanges(entries: readonly TensorEntry[], source: ByteSource): void {
  const needed = entries.reduce((most, { end }) => Math.max(most, end), 0);
  if (needed > source.size)
    throw new CheckpointError(`truncated: its tensors need ${needed} bytes, ${source.size} are there`, {
      where: source.name,
      hint: "the download broke off; download the file again",
    });
  let previous: TensorEntry | undefined;
  for (const entry of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (previous && entry.start < previous.end)
      throw damagedGguf(source.name, `${JSON.stringify(entry.name)} overlaps ${JSON.stringify(previous.name)}`);
    if (entry.end > entry.start) previous = entry;
  }
}
