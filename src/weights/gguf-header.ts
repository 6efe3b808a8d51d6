/** The head of a GGUF file: metadata and where each tensor lies (ggml's docs/gguf.md, versions 2 and 3). */
import { CheckpointError } from "../base/errors.ts";

export type GgufValue = string | number | bigint | boolean | readonly GgufValue[];

export interface GgufTensorInfo {
  readonly name: string;
  /** Outermost axis first, as everywhere in this project; the file has them the other way round. */
  readonly shape: readonly number[];
  /** Number of the type in ggml's list. */
  readonly type: number;
  /** From the start of the data. */
  readonly offset: number;
}

export interface GgufHeader {
  readonly fields: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensorInfo[];
  /** First byte of the data. */
  readonly dataStart: number;
}

/** The bytes given end inside the header: more are needed. */
export class NeedMoreBytes extends Error {}

/** A vocabulary of 256,000 words takes less than 20 MB. */
export const maxHeaderBytes = 2 ** 28;

const maxAxes = 4; // GGML_MAX_DIMS
/** No real field is deeper than a list; deeper nesting only serves to exhaust the stack. */
const maxDepth = 2;

export const damagedGguf = (where: string, message: string): CheckpointError =>
  new CheckpointError(message, { where, hint: "the file is damaged or is no GGUF file; download it again" });

/** Reads little-endian values one after another and never past the end. */
class Cursor {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fileSize: number;
  readonly #where: string;

  constructor(bytes: Uint8Array, fileSize: number, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileSize = fileSize;
    this.#where = where;
  }

  /** Advances by `count` bytes; answers where they begin. */
  take(count: number, what: string): number {
    const start = this.position;
    if (start + count > this.#fileSize)
      throw new CheckpointError(
        `truncated or damaged: ${what} at byte ${start} would end at ${start + count}, it has ${this.#fileSize}`,
        {
          where: this.#where,
          hint: "the download broke off; download the file again",
        },
      );
    if (start + count > this.#bytes.byteLength) throw new NeedMoreBytes();
    this.position += count;
    return start;
  }

  u32 = (what: string): number => this.#view.getUint32(this.take(4, what), true);

  /** A 64-bit count of things that take at least `least` bytes each: never more than a head could hold. */
  count(what: string, least: number): number {
    const count = this.#view.getBigUint64(this.take(8, what), true);
    const room = Math.min(this.#fileSize, maxHeaderBytes);
    if (count * BigInt(least) > BigInt(room))
      throw damagedGguf(this.#where, `${what} is ${count}, more than ${room} bytes can hold`);
    return Number(count);
  }

  /** A 64-bit size or offset; at most what a double counts exactly. */
  size(what: string): number {
    const size = this.#view.getBigUint64(this.take(8, what), true);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw damagedGguf(this.#where, `${what} is ${size}`);
    return Number(size);
  }

  string(what: string): string {
    const length = this.count(`the length of ${what}`, 1);
    const start = this.take(length, what);
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length));
  }

  value(type: number, what: string, depth = 0): GgufValue {
    const view = this.#view;
    switch (type) {
      case 0:
        return view.getUint8(this.take(1, what));
      case 1:
        return view.getInt8(this.take(1, what));
      case 2:
        return view.getUint16(this.take(2, what), true);
      case 3:
        return view.getInt16(this.take(2, what), true);
      case 4:
        return view.getUint32(this.take(4, what), true);
      case 5:
        return view.getInt32(this.take(4, what), true);
      case 6:
        return view.getFloat32(this.take(4, what), true);
      case 7:
        return view.getUint8(this.take(1, what)) !== 0;
      case 8:
        return this.string(what);
      case 9: {
        if (depth >= maxDepth) throw damagedGguf(this.#where, `${what} is a list of lists of lists`);
        const item = this.u32(`the type of ${what}`);
        const count = this.count(`the length of ${what}`, 1);
        const list: GgufValue[] = [];
        while (list.length < count) list.push(this.value(item, what, depth + 1));
        return list;
      }
      case 10:
        return view.getBigUint64(this.take(8, what), true);
      case 11:
        return view.getBigInt64(this.take(8, what), true);
      case 12:
        return view.getFloat64(this.take(8, what), true);
      default:
        throw damagedGguf(this.#where, `${what} is of the unknown type ${type}`);
    }
  }
}

/**
 * Parses the head from the first bytes of a file of `fileSize` bytes.
 * @throws NeedMoreBytes where the head goes on behind `bytes`
 * @throws CheckpointError for anything but a sound head
 */
export function parseGgufHeader(bytes: Uint8Array, fileSize: number, where: string): GgufHeader {
  const cursor = new Cursor(bytes, fileSize, where);
  if (cursor.u32("the magic number") !== 0x46554747) throw damagedGguf(where, "this is no GGUF file");
  const version = cursor.u32("the version");
  if (version >>> 16)
    throw new CheckpointError("this GGUF file is big-endian", { where, hint: "use the usual, little-endian one" });
  if (version !== 2 && version !== 3)
    throw new CheckpointError(`GGUF version ${version} is not read, only 2 and 3`, { where, hint: "use a newer file" });
  const tensorCount = cursor.count("the number of tensors", 24);
  const fieldCount = cursor.count("the number of fields", 13);
  const fields = new Map<string, GgufValue>();
  for (let i = 0; i < fieldCount; i++) {
    const key = cursor.string(`the name of field ${i}`);
    if (fields.has(key)) throw damagedGguf(where, `the field ${JSON.stringify(key)} is there twice`);
    fields.set(key, cursor.value(cursor.u32(`the type of ${key}`), key));
  }
  const tensors: GgufTensorInfo[] = [];
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.string(`the name of tensor ${i}`);
    const axes = cursor.u32(`the axes of ${name}`);
    if (axes > maxAxes) throw damagedGguf(where, `${JSON.stringify(name)} has ${axes} axes, ${maxAxes} are possible`);
    const shape = Array.from({ length: axes }, () => cursor.size(`the shape of ${name}`)).reverse();
    tensors.push({
      name,
      shape,
      type: cursor.u32(`the type of ${name}`),
      offset: cursor.size(`the offset of ${name}`),
    });
  }
  const alignment = fields.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || alignment < 1 || alignment > 2 ** 20 || alignment & (alignment - 1))
    throw damagedGguf(where, `the alignment must be a power of two, got ${String(alignment)}`);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  for (const { name, offset } of tensors)
    if (offset % alignment)
      throw damagedGguf(where, `${JSON.stringify(name)} starts at ${offset}, off the alignment of ${alignment}`);
  return { fields, tensors, dataStart };
}
