import { describe, expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { type Dtype, dtypeBytes, storageOf } from "./dtype.ts";
import { findNonFinite } from "./non-finite.ts";
import { readFloat32, readSafetensors, readTensor } from "./safetensors.ts";
import { storeFloat32, streamSafetensors, type TensorData, writeSafetensors } from "./safetensors-writer.ts";
import { type ByteSource, memorySource } from "./source.ts";

/** A file with this header text, or value, and that many bytes of data. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}

const read = (bytes: Uint8Array) => readSafetensors(memorySource(bytes, "m.safetensors"));
const f32 = (start: number, end: number, shape: unknown = [(end - start) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [start, end],
});

describe("a hostile file is an error which names the file", () => {
  const lengthOf = (length: bigint, rest = "{}"): Uint8Array => {
    const bytes = fileOf(rest);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  const text = (content: string): Uint8Array => new TextEncoder().encode(content.padEnd(64));

  test.each<[string, Uint8Array, string]>([
    ["empty", new Uint8Array(0), "truncated"],
    ["seven bytes", new Uint8Array(7), "truncated"],
    ["a header longer than the file", lengthOf(1000n), "its header would have 1000 bytes, at most 2 are possible"],
    ["a header length of 2^64 - 1", lengthOf(2n ** 64n - 1n), "its header would have"],
    ["a header length of 2^63", lengthOf(2n ** 63n), "its header would have"],
    ["no header", lengthOf(0n, ""), "must be JSON"],
    ["a header that is not JSON", fileOf('{"a":'), "must be JSON"],
    ["a header that is not UTF-8", fileOf("{}").fill(0xff, 8), "UTF-8"],
    ["a list for a header", fileOf([]), "must be a JSON object"],
    ["null for a header", fileOf("null"), "must be a JSON object"],
    ["a tensor that is a number", fileOf({ a: 3 }), '"a": expected {dtype'],
    ["metadata that is not text", fileOf({ __metadata__: { a: 1 } }), "__metadata__ must map strings"],
    ["metadata that is a list", fileOf({ __metadata__: ["a"] }), "__metadata__ must map strings"],
    ["an unknown dtype", fileOf({ a: { ...f32(0, 4), dtype: "F31" } }, 4), 'unknown dtype "F31"'],
    ["a dtype of the prototype", fileOf({ a: { ...f32(0, 4), dtype: "toString" } }, 4), "unknown dtype"],
    ["a negative size", fileOf({ a: f32(0, 4, [-1]) }, 4), "shape must be a list of counts"],
    ["a fractional size", fileOf({ a: f32(0, 4, [1.5]) }, 4), "shape must be a list of counts"],
    ["a size that is text", fileOf({ a: f32(0, 4, ["1"]) }, 4), "shape must be a list of counts"],
    ["a shape beyond exact integers", fileOf({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4), "shape must be a list"],
    ["a size of 1e400", fileOf('{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', 4), "shape must"],
    ["no shape", fileOf({ a: { dtype: "F32", data_offsets: [0, 4] } }, 4), "shape must be a list"],
    ["negative offsets", fileOf({ a: { ...f32(0, 4), data_offsets: [-4, 0] } }, 4), "data_offsets must be"],
    ["offsets in reverse", fileOf({ a: { ...f32(0, 4), data_offsets: [4, 0] } }, 4), "data_offsets must be"],
    ["three offsets", fileOf({ a: { ...f32(0, 4), data_offsets: [0, 4, 8] } }, 4), "data_offsets must be"],
    ["a shape that needs other bytes", fileOf({ a: f32(0, 8, [3]) }, 8), "F32 [3] needs 12 bytes, its offsets give 8"],
    ["data that ends early", fileOf({ a: f32(0, 8) }, 7), "truncated: its tensors need 8 bytes, 7 are there"],
    ["tensors that overlap", fileOf({ a: f32(0, 8), b: f32(4, 12) }, 12), '"b" overlaps "a"'],
    ["one tensor inside another", fileOf({ a: f32(0, 12), b: f32(4, 8) }, 12), '"b" overlaps "a"'],
    ["a gap between tensors", fileOf({ a: f32(0, 4), b: f32(8, 12) }, 12), 'a gap of 4 bytes between "a" and "b"'],
    ["a gap before the first", fileOf({ a: f32(4, 8) }, 8), "a gap of 4 bytes between the header"],
    ["bytes behind the last", fileOf({ a: f32(0, 4) }, 9), "5 bytes behind the last tensor"],
    ["one name twice", fileOf('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}'), "listed twice"],
    ["a zip archive", text("PK\u0003\u0004 archive/data.pkl"), "zip archive, as PyTorch writes"],
    ["a pickle", Uint8Array.from({ length: 64 }, (_, i) => [0x80, 2, 0x8a, 10][i] ?? 9), "this is a Python pickle"],
    ["a Git LFS pointer", text("version https://git-lfs.github.com/spec/v1"), "Git LFS pointer"],
    ["a web page", text("<!DOCTYPE html>"), "web page"],
    ["a GGUF file", text("GGUF\u0003"), "GGUF"],
  ])("%s", async (_, bytes, message) => {
    const error = await read(bytes).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain("m.safetensors");
    expect((error as CheckpointError).hint).toBeTruthy();
  });

  test("a header above 100 MB is refused before it is read", async () => {
    let most = 0;
    const huge: ByteSource = {
      name: "m.safetensors",
      size: 2 ** 40,
      async slice(start, end) {
        most = Math.max(most, end - start);
        const bytes = new Uint8Array(end - start);
        new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true);
        return bytes;
      },
    };
    await expect(readSafetensors(huge)).rejects.toThrow("at most 100000000 are possible");
    expect(most).toBeLessThan(100);
  });
});

describe("a sound file", () => {
  test("may be empty, have scalars, tensors of no elements, any order and spaces behind the header", async () => {
    expect((await read(fileOf("{}"))).tensors.size).toBe(0);
    const { tensors } = await read(
      fileOf(`${JSON.stringify({ b: f32(4, 8, []), a: f32(0, 4), none: f32(4, 4, [0, 7]) })}   `, 8),
    );
    expect([...tensors.keys()].sort()).toEqual(["a", "b", "none"]);
    expect(await readTensor(tensors.get("none")!)).toHaveLength(0);
  });

  test("may have a header of 640 bytes, which starts like a pickle", async () => {
    const header = JSON.stringify({ a: f32(0, 4) }).padEnd(640);
    const bytes = fileOf(header, 4);
    expect([...bytes.subarray(0, 2)]).toEqual([0x80, 0x02]);
    expect((await read(bytes)).tensors.has("a")).toBe(true);
  });

  test("may use names that mean something to JavaScript, and the same keys inside of tensors", async () => {
    const header =
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"shape":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}';
    expect([...(await read(fileOf(header, 2))).tensors.keys()]).toEqual(["__proto__", "shape"]);
  });

  test("is read header first; a tensor costs its own bytes only, wherever it lies", async () => {
    const whole = memorySource(writeSafetensors(new Map([["a", storeFloat32(new Float32Array(10_000), [100, 100])]])));
    let bytes = 0;
    const { tensors } = await readSafetensors({
      ...whole,
      slice: (start, end) => {
        bytes += end - start;
        return whole.slice(start, end);
      },
    });
    expect(bytes).toBeLessThan(300);
    await readTensor(tensors.get("a")!);
    expect(bytes).toBeLessThan(300 + 40_000);
  });

  test("gives elements of tensors that lie at odd addresses", async () => {
    const header = { odd: { dtype: "U8", shape: [1], data_offsets: [0, 1] }, x: f32(1, 9) };
    const bytes = fileOf(header, 9);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 1.5, true);
    expect([...(await readFloat32((await read(bytes)).tensors.get("x")!))]).toEqual([0, 1.5]);
  });
});

describe("what is written", () => {
  const values = Float32Array.of(0, -0, 1, -2.5, 1 / 3, 65504);
  const natives: Record<Dtype, ArrayBufferView> = {
    F64: Float64Array.of(Math.PI, -1),
    F32: Float32Array.of(1.5, 2),
    F16: Uint16Array.of(0x3c00, 0x4000),
    BF16: Uint16Array.of(0x3f80, 0x4000),
    F8_E4M3: Uint8Array.of(0x38, 0x40),
    F8_E5M2: Uint8Array.of(0x3c, 0x40),
    I64: BigInt64Array.of(-(2n ** 62n), 3n),
    I32: Int32Array.of(-7, 7),
    I16: Int16Array.of(-7, 7),
    I8: Int8Array.of(-7, 7),
    U64: BigUint64Array.of(2n ** 63n, 1n),
    U32: Uint32Array.of(2 ** 31, 1),
    U16: Uint16Array.of(9, 1),
    U8: Uint8Array.of(255, 1),
    BOOL: Uint8Array.of(1, 0),
  };
  const everyType = new Map(
    (Object.keys(dtypeBytes) as Dtype[]).map((dtype): [string, TensorData<ArrayBufferView>] => [
      `x.${dtype}`,
      { dtype, shape: [2], data: natives[dtype] },
    ]),
  );

  test("comes back, in every type, with its metadata", async () => {
    const file = await read(writeSafetensors(everyType, { config: '{"ä":"日本"}' }));
    expect(file.metadata).toEqual({ config: '{"ä":"日本"}' });
    for (const dtype of Object.keys(natives) as Dtype[])
      expect(await readTensor(file.tensors.get(`x.${dtype}`)!)).toEqual(natives[dtype]);
  });

  test("is aligned for its type", async () => {
    const file = await read(writeSafetensors(everyType));
    for (const entry of file.tensors.values()) expect(entry.start % storageOf(entry.dtype).bytes).toBe(0);
  });

  test("does not depend on the order in which tensors were given", () => {
    const reversed = new Map([...everyType].reverse());
    expect(writeSafetensors(reversed, { b: "1", a: "2" })).toEqual(writeSafetensors(everyType, { a: "2", b: "1" }));
  });

  test("is the same byte for byte when streamed, and later tensors are made later", async () => {
    const made: string[] = [];
    const recorded = async (name: string, data: ArrayBufferView) => {
      made.push(name);
      return data;
    };
    const lazy = new Map(
      [...everyType].map(([name, { dtype, shape, data }]): [string, TensorData] => [
        name,
        { dtype, shape, data: () => recorded(name, data) },
      ]),
    );
    const chunks: Uint8Array[] = [];
    for await (const chunk of streamSafetensors(lazy, { a: "b" })) {
      expect(made).toHaveLength(chunks.length);
      chunks.push(chunk.slice());
    }
    expect(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer())).toEqual(
      writeSafetensors(everyType, { a: "b" }),
    );
  });

  test("as f16 or bf16 is read as f32 within half a unit of the last place", async () => {
    for (const [dtype, step] of [
      ["F32", 0],
      ["F16", 2 ** -11],
      ["BF16", 2 ** -8],
    ] as const) {
      const file = await read(writeSafetensors(new Map([["x", storeFloat32(values, [2, 3], dtype)]])));
      expect(file.tensors.get("x")).toMatchObject({ dtype, shape: [2, 3] });
      const back = await readFloat32(file.tensors.get("x")!);
      for (const [i, value] of values.entries())
        expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * step);
    }
  });

  test("must have the bytes that its shape needs", () => {
    const write = (shape: number[], name = "x") =>
      writeSafetensors(new Map([[name, { dtype: "F32", shape, data: new Float32Array(4) }]]));
    expect(() => write([5])).toThrow('"x": F32 [5] needs 20 bytes, its data has 16');
    expect(() => write([-4])).toThrow("impossible shape");
    expect(() => write([4], "__metadata__")).toThrow("cannot be named");
  });
});

describe("tensors", () => {
  test("of integers are refused as weights", async () => {
    const file = await read(
      writeSafetensors(new Map([["ids", { dtype: "I64", shape: [1], data: new BigInt64Array(1) }]])),
    );
    await expect(readFloat32(file.tensors.get("ids")!)).rejects.toThrow(
      '"ids": expected a floating point tensor, got I64',
    );
  });

  test.each(["F32", "F16", "BF16"] as const)("in %s are searched for numbers that are none", async (dtype) => {
    const values = new Float32Array(9_000_000 / 2);
    const entryOf = async () =>
      (await read(writeSafetensors(new Map([["x", storeFloat32(values, [values.length], dtype)]])))).tensors.get("x")!;
    expect(await findNonFinite(await entryOf())).toBeUndefined();
    values[values.length - 1] = Infinity;
    values[17] = NaN;
    expect(await findNonFinite(await entryOf())).toEqual({ count: 2, index: 17, value: NaN });
  });
});
