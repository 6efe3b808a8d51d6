import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CheckpointError, InputError, TurboError } from "../../../base/errors.ts";
import { goldenFolder } from "../../../testing/goldens.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32, type TensorData } from "../../../weights/safetensors-writer.ts";
import { writeFileAtomically, writeSafetensorsFile } from "./atomic-file.ts";
import { fileSource } from "./file-source.ts";
import { hashTensors } from "./hash-tensors.ts";
import { makeFolder } from "./make-folder.ts";
import { openCheckpointPath } from "./open-checkpoint.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

const tensorsOf = (...names: string[]) =>
  new Map<string, TensorData>(names.map((name) => [name, storeFloat32(Float32Array.of(1, 2), [2], "BF16")]));

describe("a file as a source", () => {
  test("gives ranges, and the real path behind a link", async () => {
    const path = join(folder, "x");
    await writeFile(path, "0123456789");
    await symlink(path, join(folder, "link"));
    const source = await fileSource(join(folder, "link"));
    expect(source).toMatchObject({ size: 10, name: join(folder, "link") });
    expect(source.path!.endsWith("/x")).toBe(true);
    expect(new TextDecoder().decode(await source.slice(3, 6))).toBe("345");
    await expect(source.slice(5, 11)).rejects.toThrow(CheckpointError);
    await truncate(path, 4);
    await expect(source.slice(3, 6)).rejects.toThrow("the file ended at byte 4, it had 10");
    await source.close!();
  });

  test("must be there, and must be a file", async () => {
    await expect(fileSource(join(folder, "none"))).rejects.toThrow("no such file");
    await expect(fileSource(folder)).rejects.toThrow("expected a file");
  });
});

describe("writing a file", () => {
  test("makes missing folders and replaces an older file", async () => {
    const path = join(folder, "a/b/c.safetensors");
    await writeSafetensorsFile(path, tensorsOf("old"));
    await writeSafetensorsFile(path, tensorsOf("x"), { metadata: { step: "7" } });
    const { checkpoint } = await openCheckpointPath(path);
    expect(checkpoint.metadata).toEqual({ step: "7" });
    expect([...(await readFloat32(checkpoint.tensors.get("x")!))]).toEqual([1, 2]);
    await checkpoint.close();
    expect(await readdir(join(folder, "a/b"))).toEqual(["c.safetensors"]);
  });

  test("that fails or is stopped halfway leaves the older file and nothing else", async () => {
    const path = join(folder, "x.bin");
    await writeFile(path, "old");
    const failing = async function* () {
      yield new Uint8Array(10);
      throw new Error("no more");
    };
    await expect(writeFileAtomically(path, failing())).rejects.toThrow("no more");
    const stop = new AbortController();
    const stopping = async function* () {
      yield new Uint8Array(10);
      stop.abort(new Error("stopped"));
      yield new Uint8Array(10);
    };
    await expect(writeFileAtomically(path, stopping(), { signal: stop.signal })).rejects.toThrow("stopped");
    expect(await readdir(folder)).toEqual(["x.bin"]);
    expect(await readFile(path, "utf8")).toBe("old");
  });

  test("where a folder has that name is an error of ours", async () => {
    await mkdir(join(folder, "taken"));
    await expect(writeFileAtomically(join(folder, "taken"), [new Uint8Array(1)])).rejects.toThrow(TurboError);
    expect(await readdir(folder)).toEqual(["taken"]);
  });
});

describe("opening a checkpoint", () => {
  const config = { width: 64 };
  const save = (path: string, ...names: string[]) => writeSafetensorsFile(join(folder, path), tensorsOf(...names));
  const saveJson = async (path: string, value: unknown) => {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(value));
  };
  const open = async (path = "", module?: string) => {
    const opened = await openCheckpointPath(join(folder, path), { module });
    await opened.checkpoint.close();
    return { config: opened.config, names: [...opened.checkpoint.tensors.keys()].sort() };
  };

  test.each(["diffusion_pytorch_model.safetensors", "model.safetensors", "diffusion_pytorch_model.fp16.safetensors"])(
    "takes a module's folder with %s",
    async (file) => {
      await save(file, "a");
      await saveJson("config.json", config);
      expect(await open()).toEqual({ config, names: ["a"] });
    },
  );

  test("takes shards with an index, and says which shard is missing", async () => {
    await save("model-00001-of-00002.safetensors", "a");
    await save("model-00002-of-00002.safetensors", "b");
    const map = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
    await saveJson("model.safetensors.index.json", { weight_map: map });
    expect(await open()).toEqual({ config: undefined, names: ["a", "b"] });
    expect(await open("model.safetensors.index.json")).toEqual({ config: undefined, names: ["a", "b"] });
    await rm(join(folder, "model-00002-of-00002.safetensors"));
    await expect(open()).rejects.toThrow("1 of 2 shards missing: model-00002-of-00002.safetensors");
  });

  test("takes one module of a diffusers folder, and lists the modules where none or a wrong one is named", async () => {
    await saveJson("model_index.json", {});
    await saveJson("scheduler/scheduler_config.json", {});
    await save("transformer/diffusion_pytorch_model.safetensors", "t");
    await saveJson("transformer/config.json", config);
    await save("vae/diffusion_pytorch_model.safetensors", "v");
    expect(await open("", "transformer")).toEqual({ config, names: ["t"] });
    expect(await open("transformer")).toEqual({ config, names: ["t"] });
    await expect(open()).rejects.toThrow(InputError);
    await expect(open("", "unet")).rejects.toMatchObject({ hint: "it has transformer, vae" });
    await expect(open("", "../transformer")).rejects.toThrow(CheckpointError);
  });

  test("takes a single file, with the config in its metadata", async () => {
    const metadata = { config: JSON.stringify(config) };
    await writeSafetensorsFile(join(folder, "ltxv-2b.safetensors"), tensorsOf("a"), { metadata });
    expect(await open("ltxv-2b.safetensors")).toEqual({ config, names: ["a"] });
  });

  test("refuses pickles with the reason", async () => {
    await writeFile(join(folder, "pytorch_model.bin"), "PK\u0003\u0004");
    await expect(open()).rejects.toThrow("a pickle can run any code");
    await expect(open("pytorch_model.bin")).rejects.toThrow("a pickle can run any code");
  });

  test("says what it found where it finds no weights, too many, or a damaged config", async () => {
    await expect(open()).rejects.toMatchObject({ hint: "the folder is empty" });
    await expect(open("none")).rejects.toThrow("no such file or folder");
    await save("x.safetensors", "a");
    await save("y.safetensors", "a");
    await expect(open()).rejects.toThrow("several files could be meant: x.safetensors, y.safetensors");
    await rm(join(folder, "y.safetensors"));
    await writeFile(join(folder, "config.json"), "{");
    await expect(open()).rejects.toThrow("config.json: not JSON");
  });
});

test("a set of weights has one hash, whatever the order of its files; quantised blocks have one too", async () => {
  const hashOf = async (path: string) => {
    const { checkpoint } = await openCheckpointPath(path);
    try {
      return await hashTensors(checkpoint);
    } finally {
      await checkpoint.close();
    }
  };
  const save = async (name: string, ...tensors: [string, number][]) => {
    const values = tensors.map(([name, value]) => [name, storeFloat32(Float32Array.of(value), [1])] as const);
    await writeSafetensorsFile(join(folder, name), new Map(values), { metadata: { made: name } });
    return hashOf(join(folder, name));
  };
  const first = await save("a.safetensors", ["x", 1], ["y", 2]);
  expect(await save("b.safetensors", ["y", 2], ["x", 1])).toBe(first);
  expect(await save("c.safetensors", ["x", 1], ["y", 3])).not.toBe(first);
  expect(await hashOf(join(goldenFolder, "gguf", "types.gguf"))).toMatch(/^[0-9a-f]{64}$/);
});

describe("makeFolder", () => {
  test("makes what is missing, by several at once too, and answers the topmost that it made", async () => {
    const [top, deep] = [join(folder, "a"), join(folder, "a", "b", "c")];
    const made = await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(deep)]);
    expect(made).toContain(top);
    expect(await readdir(join(folder, "a", "b"))).toEqual(["c"]);
    expect(await makeFolder(deep)).toBeUndefined();
    expect(await makeFolder(join(deep, "d"))).toBe(join(deep, "d"));
  });

  test("refuses where a file is in the way, or a folder takes none", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(makeFolder(join(folder, "file"))).rejects.toThrow("EEXIST");
    await expect(makeFolder(join(folder, "file", "under"))).rejects.toThrow(/EEXIST|ENOTDIR/);
    const parent = process.platform === "linux" ? "/proc/turbo2k/x" : join(folder, "\0");
    await expect(makeFolder(parent)).rejects.toThrow();
  });
});
