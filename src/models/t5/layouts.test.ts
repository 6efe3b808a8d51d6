import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpointPath } from "../../platform/node/files/open-checkpoint.ts";
import { probe } from "../../platform/node/probe.ts";
import { reference } from "../../runtimes/reference/reference.ts";
import { floatsOf, type Golden, goldenFile, goldenFolder } from "../../testing/goldens.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { readFloat32 } from "../../weights/safetensors.ts";
import { storeFloat32, type TensorData, writeSafetensors } from "../../weights/safetensors-writer.ts";
import { fromTransformers } from "./encoder.ts";

const golden: Golden = { case: "t5-short", probe: "", module: "text_encoder" };
let folder = "";
let weights: Map<string, { shape: readonly number[]; data: Float32Array }>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-t5-"));
  const { checkpoint } = await openCheckpointPath(join(goldenFolder, "t5-short"));
  weights = new Map();
  for (const [name, entry] of checkpoint.tensors)
    weights.set(name, { shape: entry.shape, data: await readFloat32(entry) });
  await checkpoint.close();
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes the golden's weights under other names, or in another type. */
async function save(
  path: string,
  rename: (name: string) => string | string[] | undefined,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Promise<string> {
  const tensors = new Map<string, TensorData<ArrayBufferView>>();
  for (const [name, { shape, data }] of weights)
    for (const other of [rename(name) ?? []].flat()) tensors.set(other, storeFloat32(data, shape, dtype));
  await writeFile(join(folder, path), writeSafetensors(tensors));
  return join(folder, path);
}

/** How far the states are from transformers'. */
async function errorOf(path: string): Promise<number> {
  const opened = await openCheckpointPath(path);
  try {
    const results = await probe("text_encoder", opened, await goldenFile(golden, "inputs"), reference);
    const wanted = await floatsOf(await goldenFile(golden, "output"));
    return relativeError(results["last_hidden_state"]!.data, wanted.get("last_hidden_state")!.data);
  } finally {
    await opened.checkpoint.close();
  }
}

describe("a T5 encoder gives transformers' states", () => {
  test("from a GGUF file with llama.cpp's names and no config", async () => {
    expect(await errorOf(join(goldenFolder, "gguf", "t5-short.gguf"))).toBeLessThan(1e-5);
  });

  test("from a single file without a config, as ComfyUI has it", async () => {
    expect(await errorOf(await save("t5xxl.safetensors", (name) => name))).toBeLessThan(1e-5);
  });

  test("from inside a larger file's prefix", async () => {
    const path = await save("prefixed.safetensors", (name) => `text_encoders.t5xxl.transformer.${name}`);
    expect(await errorOf(path)).toBeLessThan(1e-5);
  });

  test("with its embedding under either tied name, or both", async () => {
    const alias = "encoder.embed_tokens.weight";
    const only = await save("alias.safetensors", (name) => (name === "shared.weight" ? alias : name));
    const both = await save("both.safetensors", (name) => (name === "shared.weight" ? [name, alias] : name));
    for (const path of [only, both]) expect(await errorOf(path)).toBeLessThan(1e-5);
  });

  test("from a whole T5, whose decoder is left out", async () => {
    const extra = (name: string) => (name.includes("layer_norm") ? [name, name.replace("encoder", "decoder")] : name);
    expect(await errorOf(await save("whole.safetensors", extra))).toBeLessThan(1e-5);
  });

  test.each([
    ["F16", 2e-3],
    ["BF16", 2e-2],
  ] as const)("in %s as near as that type can be", async (dtype, bar) => {
    const error = await errorOf(await save(`${dtype}.safetensors`, (name) => name, dtype));
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(bar);
  });

  test("from shards", async () => {
    const isFirst = (name: string) => name < "encoder.block.1";
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
    await save(shards[0], (name) => (isFirst(name) ? name : undefined));
    await save(shards[1], (name) => (isFirst(name) ? undefined : name));
    const map = Object.fromEntries([...weights.keys()].map((name) => [name, shards[isFirst(name) ? 0 : 1]]));
    const index = join(folder, "model.safetensors.index.json");
    await writeFile(index, JSON.stringify({ weight_map: map }));
    await cp(join(goldenFolder, "t5-short", "config.json"), join(folder, "config.json"));
    expect(await errorOf(index)).toBeLessThan(1e-5);
    await rm(join(folder, "config.json"));
    await rm(join(folder, shards[1]));
    await expect(openCheckpointPath(index)).rejects.toThrow(`1 of 2 shards missing: ${shards[1]}`);
  });
});

test("the config that shapes imply is the published one", async () => {
  const [whole, bare] = await Promise.all([
    openCheckpointPath(join(goldenFolder, "t5-short")),
    openCheckpointPath(join(goldenFolder, "gguf", "t5-short.gguf")),
  ]);
  expect(fromTransformers(bare.config!)).toEqual(fromTransformers(whole.config!));
  for (const { checkpoint } of [whole, bare]) await checkpoint.close();
});
