import { describe, expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { matchNames, openCheckpoint, openShardedCheckpoint } from "./checkpoint.ts";
import { readFloat32 } from "./safetensors.ts";
import { storeFloat32, writeSafetensors } from "./safetensors-writer.ts";
import { type ByteSource, memorySource } from "./source.ts";

const fileWith = (names: Record<string, number[]>, metadata = {}): Uint8Array =>
  writeSafetensors(
    new Map(
      Object.entries(names).map(([name, shape]) => [
        name,
        storeFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(name.length), shape),
      ]),
    ),
    metadata,
  );

const checkpointWith = (names: Record<string, number[]>) =>
  openCheckpoint(memorySource(fileWith(names), "m.safetensors"));

/** Shards in memory that count how many of them are open. */
function folder(files: Record<string, Uint8Array>) {
  const state = { open: 0 };
  const open = async (file: string): Promise<ByteSource | undefined> => {
    if (!files[file]) return undefined;
    state.open++;
    return { ...memorySource(files[file], file), close: async () => void state.open-- };
  };
  return { open, state };
}

const indexOf = (weightMap: unknown): ByteSource =>
  memorySource(new TextEncoder().encode(JSON.stringify({ weight_map: weightMap })), "model.safetensors.index.json");

describe("a sharded checkpoint", () => {
  const shards = {
    "one.safetensors": fileWith({ a: [2], bb: [1] }, { format: "pt" }),
    "two.safetensors": fileWith({ ccc: [3] }),
  };
  const map = { a: "one.safetensors", bb: "one.safetensors", ccc: "two.safetensors" };

  test("is one map over all shards, and closes every one of them", async () => {
    const { open, state } = folder(shards);
    const checkpoint = await openShardedCheckpoint(indexOf(map), open);
    expect([...checkpoint.tensors.keys()].sort()).toEqual(["a", "bb", "ccc"]);
    expect(checkpoint.metadata).toEqual({ format: "pt" });
    expect([...(await readFloat32(checkpoint.tensors.get("ccc")!))]).toEqual([3, 3, 3]);
    expect(state.open).toBe(2);
    await checkpoint.close();
    expect(state.open).toBe(0);
  });

  test("that lacks shards names all of them and leaves nothing open", async () => {
    const { open, state } = folder(shards);
    const opening = openShardedCheckpoint(indexOf({ ...map, x: "three.safetensors", y: "four.safetensors" }), open);
    await expect(opening).rejects.toThrow("2 of 4 shards missing: four.safetensors, three.safetensors");
    expect(state.open).toBe(0);
  });

  test("names a damaged shard", async () => {
    const { open, state } = folder({ ...shards, "two.safetensors": new Uint8Array(3) });
    await expect(openShardedCheckpoint(indexOf(map), open)).rejects.toThrow("two.safetensors: truncated");
    expect(state.open).toBe(0);
  });

  test("names tensors that are not where the index says", async () => {
    const { open } = folder(shards);
    const opening = openShardedCheckpoint(indexOf({ ...map, lost: "two.safetensors" }), open);
    await expect(opening).rejects.toThrow("1 tensors are not in the shard named for them: lost (two.safetensors)");
  });

  test("must not have a tensor twice", async () => {
    const { open } = folder({ ...shards, "two.safetensors": fileWith({ a: [2], ccc: [3] }) });
    await expect(openShardedCheckpoint(indexOf(map), open)).rejects.toThrow('"a" is in both one.safetensors and two');
  });

  test.each(["../secret.safetensors", "/etc/x.safetensors", "..", ".hidden", "a\\b.safetensors", "", 7, null])(
    "does not follow the index to %j",
    async (file) => {
      const { open } = folder(shards);
      await expect(openShardedCheckpoint(indexOf({ a: file }), open)).rejects.toThrow(
        "must name files beside the index",
      );
    },
  );

  test("refuses pickles as shards, and an index that is none", async () => {
    const { open } = folder(shards);
    await expect(openShardedCheckpoint(indexOf({ a: "pytorch_model.bin" }), open)).rejects.toThrow("run any code");
    for (const bad of [undefined, [], {}, "x"])
      await expect(openShardedCheckpoint(indexOf(bad), open)).rejects.toThrow("must have a weight_map");
    const notJson = memorySource(new TextEncoder().encode("{"), "i.json");
    await expect(openShardedCheckpoint(notJson, open)).rejects.toThrow("i.json: the index must be JSON");
  });
});

describe("a single file", () => {
  test.each(["model.ckpt", "model.bin", "model.pt", "MODEL.PTH", "model.pkl"])("called %s is refused", async (name) => {
    await expect(openCheckpoint(memorySource(fileWith({}), name))).rejects.toThrow("hold pickles");
  });
});

describe("matching names", () => {
  const expected = new Map([
    ["proj.weight", { shape: [2, 3] }],
    ["proj.bias", { shape: [2] }],
  ]);

  test("gives each expected name its tensor", async () => {
    const checkpoint = await checkpointWith({ "proj.bias": [2], "proj.weight": [2, 3] });
    const matches = matchNames(expected, checkpoint);
    expect(matches.get("proj.weight")).toBe(checkpoint.tensors.get("proj.weight"));
    expect(matches.size).toBe(2);
  });

  test("renames from the checkpoint's names and ignores what is known to be of no use", async () => {
    const checkpoint = await checkpointWith({ "net.proj.bias": [2], "net.proj.weight": [2, 3], "ema.x": [1] });
    const matches = matchNames(expected, checkpoint, {
      rename: (name) => name.replace(/^net\./, ""),
      ignore: (name) => name.startsWith("ema."),
    });
    expect(matches.get("proj.bias")!.name).toBe("net.proj.bias");
  });

  test("lists everything that is wrong in one error", async () => {
    const checkpoint = await checkpointWith({ "proj.weight": [3, 2], extra: [1], more: [1] });
    const error = (() => {
      try {
        matchNames(expected, checkpoint);
      } catch (reason) {
        return reason;
      }
    })() as CheckpointError;
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toBe(
      [
        "m.safetensors: the tensors do not fit the model: 1 missing, 2 unexpected, 1 of another shape",
        "  missing: proj.bias",
        "  unexpected: extra, more",
        "  of another shape: proj.weight: expected [2, 3], got [3, 2]",
      ].join("\n"),
    );
  });

  test("lists a name that two tensors claim", async () => {
    const checkpoint = await checkpointWith({ "proj.bias": [2], "PROJ.bias": [2], "proj.weight": [2, 3] });
    expect(() => matchNames(expected, checkpoint, { rename: (name) => name.toLowerCase() })).toThrow(
      "found twice: proj.bias (PROJ.bias and proj.bias)",
    );
  });

  test("cuts long lists and counts the rest", async () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, [1]]));
    const checkpoint = await checkpointWith({ ...many, "proj.weight": [2, 3], "proj.bias": [2] });
    expect(() => matchNames(expected, checkpoint)).toThrow(/100 unexpected\n {2}unexpected: x0, .*, and 88 more$/);
  });

  test("tells a scalar from a list of one", async () => {
    const checkpoint = await checkpointWith({ scale: [1] });
    expect(() => matchNames(new Map([["scale", { shape: [] }]]), checkpoint)).toThrow("expected [], got [1]");
  });
});
