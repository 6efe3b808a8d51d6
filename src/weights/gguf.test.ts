import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { head, padded, tensor, text, u32, u64 } from "../testing/gguf.ts";
import { goldenFolder } from "../testing/goldens.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { elementCount, storageOf } from "./dtype.ts";
import { readGguf } from "./gguf.ts";
import { findNonFinite } from "./non-finite.ts";
import { readFloat32, readTensor } from "./safetensors.ts";
import { memorySource } from "./source.ts";

const golden = (name: string): Promise<Uint8Array> => readFile(join(goldenFolder, "gguf", name));
const types = new Uint8Array(await golden("types.gguf"));
const expected = await openCheckpoint(memorySource(new Uint8Array(await golden("types.safetensors")), "types"));
const file = await readGguf(memorySource(types, "types.gguf"));

describe("a GGUF file", () => {
  test.each([...expected.tensors.keys()])("gives %s to the bit as the gguf package reads it", async (name) => {
    const entry = file.tensors.get(name)!;
    const wanted = expected.tensors.get(name)!;
    expect(entry.shape).toEqual(wanted.shape);
    expect(await readFloat32(entry)).toEqual(await readFloat32(wanted));
  });

  test("has its axes outermost first, and the shape from before it was folded", () => {
    expect(file.tensors.get("Q6_K")!.shape).toEqual([2, 512]);
    expect(file.tensors.get("folded")!.shape).toEqual([2, 4, 8]);
  });

  test("has its texts as metadata, and lists as fields", () => {
    expect(file.metadata).toMatchObject({ "general.architecture": "ltxv", config: '{"transformer": {}}' });
    expect(file.fields.get("comfy.gguf.orig_shape.folded")).toEqual([2, 4, 8]);
  });

  test("opens as a checkpoint, whatever it is called", async () => {
    const checkpoint = await openCheckpoint(memorySource(types, "model.safetensors"));
    expect([...checkpoint.tensors.keys()]).toEqual([...file.tensors.keys()]);
  });

  test("is read by range: the head, then the rows asked for", async () => {
    const ranges: number[] = [];
    const inner = memorySource(types, "types.gguf");
    const counted = {
      ...inner,
      slice(start: number, end: number) {
        ranges.push(end - start);
        return inner.slice(start, end);
      },
    };
    const { tensors } = await readGguf(counted);
    ranges.length = 0;
    const whole = await readFloat32(file.tensors.get("Q4_K")!);
    expect(await readFloat32(tensors.get("Q4_K")!, 512, 768)).toEqual(whole.subarray(512, 768));
    expect(ranges).toEqual([144]);
  });

  test("names a block whose scale is no number", async () => {
    const { start } = file.tensors.get("Q8_0")!;
    const hurt = types.slice();
    hurt.set([0x00, 0x7e], start + 34); // the scale of the second block
    const { tensors } = await readGguf(memorySource(hurt, "hurt.gguf"));
    expect(await findNonFinite(tensors.get("Q8_0")!)).toMatchObject({ count: 32, index: 32 });
    expect(await findNonFinite(tensors.get("Q6_K")!)).toBeUndefined();
  });

  test("has no plain elements where it is quantised", async () => {
    await expect(readTensor(file.tensors.get("Q8_0")!)).rejects.toThrow("expected plain elements, got Q8_0 blocks");
  });
});

describe("a damaged or hostile GGUF file", () => {
  test.each<[string, Uint8Array, string]>([
    ["is cut in the head", types.subarray(0, 600), "truncated or damaged"],
    ["is cut at once", types.subarray(0, 200), "more than 200 bytes can hold"],
    ["is cut in the data", types.subarray(0, types.length - 400), "truncated: its tensors need"],
    ["is empty behind its name", Uint8Array.from(head(0, 0).slice(0, 4)), "truncated"],
    ["claims 2^63 tensors", padded(head(2n ** 63n, 0), 0), "the number of tensors is 9223372036854775808, more than"],
    ["claims 2^40 fields", padded(head(0, 2 ** 40), 0), "the number of fields is"],
    [
      "has more tensors than it describes",
      padded(head(2, 0).concat(tensor("a", [1], 0, 0)), 32),
      "truncated|its shape|off the alignment",
    ],
    ["has a name of 2^60 bytes", padded([...head(1, 0), ...u64(2n ** 60n)], 64), "the length of the name of tensor 0"],
    [
      "has a list of 2^50 numbers",
      padded([...head(0, 1), ...text("k"), ...u32(9), ...u32(4), ...u64(2n ** 50n)], 64),
      "the length of k is",
    ],
    [
      "nests lists",
      padded(
        [...head(0, 1), ...text("k"), ...u32(9), ...[9, 9, 9, 4].flatMap((type) => [...u32(type), ...u64(1)])],
        64,
      ),
      "k is a list of lists of lists",
    ],
    [
      "has a field of an unknown type",
      padded([...head(0, 1), ...text("k"), ...u32(77), ...u64(0)], 64),
      "k is of the unknown type 77",
    ],
    [
      "has a field twice",
      padded([...head(0, 2), ...text("k"), ...u32(4), ...u32(1), ...text("k"), ...u32(4), ...u32(1)], 0),
      '"k" is there twice',
    ],
    [
      "has a tensor twice",
      padded([...head(2, 0), ...tensor("a", [8], 0, 0), ...tensor("a", [8], 0, 32)], 64),
      '"a" is listed twice',
    ],
    [
      "has tensors that overlap",
      padded([...head(2, 0), ...tensor("a", [16], 0, 0), ...tensor("b", [8], 0, 32)], 96),
      '"b" overlaps "a"',
    ],
    [
      "has a tensor behind its end",
      padded([...head(1, 0), ...tensor("a", [8], 0, 2 ** 40)], 64),
      "truncated: its tensors need",
    ],
    [
      "has an offset beyond exact numbers",
      padded([...head(1, 0), ...tensor("a", [8], 0, 2n ** 62n)], 64),
      "the offset of a is",
    ],
    [
      "has a shape beyond exact numbers",
      padded([...head(1, 0), ...tensor("a", [2 ** 40, 2 ** 40], 0, 0)], 64),
      "its shape is",
    ],
    ["has five axes", padded([...head(1, 0), ...tensor("a", [1, 1, 1, 1, 1], 0, 0)], 64), "has 5 axes"],
    ["has a million axes", padded([...head(1, 0), ...text("a"), ...u32(1e6)], 64), "has 1000000 axes"],
    [
      "has a tensor off its alignment",
      padded([...head(1, 0), ...tensor("a", [8], 0, 8)], 64),
      "off the alignment of 32",
    ],
    [
      "has half a block",
      padded([...head(1, 0), ...tensor("a", [16], 8, 0)], 64),
      "rows of 16 are no whole number of Q8_0 blocks of 32",
    ],
    [
      "has an alignment of 3",
      padded([...head(0, 1), ...text("general.alignment"), ...u32(4), ...u32(3)], 64),
      "power of two, got 3",
    ],
    ["is of version 1", padded(head(0, 0, 1), 0), "version 1 is not read"],
    ["is big-endian", padded(head(0, 0, 3 << 24), 0), "big-endian"],
    [
      "has a type that is not read",
      padded([...head(1, 0), ...tensor("a", [256], 20, 0)], 512),
      "its GGUF type IQ4_NL is not read",
    ],
    [
      "has a type that nobody knows",
      padded([...head(1, 0), ...tensor("a", [256], 99, 0)], 512),
      "its GGUF type number 99 is not read",
    ],
  ])("that %s is refused", async (_, bytes, message) => {
    const error = await readGguf(memorySource(bytes, "x.gguf")).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(message.includes("|") ? new RegExp(message) : message);
    expect((error as Error).message).toContain("x.gguf");
  });

  test("never gives more than the file has, wherever a byte of its head is wrong", async () => {
    const headBytes = Math.min(...[...file.tensors.values()].map(({ start }) => start));
    for (let at = 0; at < headBytes; at++) {
      const hurt = types.slice();
      hurt[at] = hurt[at]! ^ 0xa5;
      const read = await readGguf(memorySource(hurt, "x.gguf")).catch((cause: unknown) => cause);
      if (read instanceof Error) expect(read).toBeInstanceOf(CheckpointError);
      else
        for (const { start, end, dtype, shape } of (read as typeof file).tensors.values()) {
          const { elements, bytes } = storageOf(dtype);
          expect(end).toBeLessThanOrEqual(hurt.length);
          expect(end - start).toBe((elementCount(shape) / elements) * bytes);
        }
    }
  });
});
