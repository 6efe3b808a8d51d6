/** ComfyUI's folders and parts that lie apart: the same weights as a diffusers folder must give the same latents. */
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { originalName } from "../../../models/ltx/layouts.ts";
import { fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { originalNames } from "../../../models/ltx-vae/weights.ts";
import { writeGguf } from "../../../testing/gguf.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32, writeSafetensors } from "../../../weights/safetensors-writer.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { prepare } from "../generate/prepare.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { tinyOriginal } from "./testing.ts";

const { vae: _, ...diffusion } = tinyOriginal;

type Values = Map<string, { shape: readonly number[]; data: Float32Array }>;
let folder = "";
const at = (...path: string[]) => join(folder, ...path);
const models = (...path: string[]) => at("ComfyUI", "models", ...path);
const whole = "ltxv-2b-0.9.6-dev.safetensors";
let parts: { transformer: Values; vae: Values; text: Values };

async function valuesOf(module: string, rename: (name: string) => string): Promise<Values> {
  const { checkpoint } = await openCheckpointPath(at("diffusers", module));
  const values: Values = new Map();
  for (const [name, entry] of checkpoint.tensors)
    values.set(rename(name), { shape: entry.shape, data: await readFloat32(entry) });
  await checkpoint.close();
  return values;
}

async function save(path: string, values: Values, config?: object): Promise<void> {
  const metadata: Record<string, string> = config ? { config: JSON.stringify(config) } : {};
  const tensors = new Map([...values].map(([name, { shape, data }]) => [name, storeFloat32(data, shape)]));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, path.endsWith(".gguf") ? writeGguf(values, metadata) : writeSafetensors(tensors, metadata));
}

const prefixed = (prefix: string, values: Values): Values =>
  new Map([...values].map(([name, value]) => [prefix + name, value]));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-comfy-"));
  process.env["HF_HUB_CACHE"] = at("cache"); // a tokenizer in the cache of this machine would be found
  await saveTinyModel(at("diffusers"));
  const json = JSON.parse(await readFile(at("diffusers", "vae", "config.json"), "utf8"));
  parts = {
    transformer: await valuesOf(
      "transformer",
      (name) => originalName(name.replace(/\.(weight|bias)$/, "")) + (/\.(weight|bias)$/.exec(name)?.[0] ?? ""),
    ),
    vae: await valuesOf("vae", originalNames(fromDiffusers(json))),
    text: await valuesOf("text_encoder", (name) => name),
  };
  const both = new Map([...prefixed("model.diffusion_model.", parts.transformer), ...prefixed("vae.", parts.vae)]);
  await save(models("checkpoints", "video", whole), both, tinyOriginal);
  await save(models("text_encoders", "t5xxl_fp16.safetensors"), parts.text);
  await save(
    models("text_encoders", "clip_l.safetensors"),
    new Map([["text_model.x", { shape: [1], data: new Float32Array(1) }]]),
  );
  await cp(at("diffusers", "tokenizer"), at("ComfyUI", "comfy", "text_encoders", "t5_tokenizer"), { recursive: true });
  await writeFile(models("checkpoints", "old.ckpt"), "x");
  await writeFile(models("checkpoints", "broken.safetensors"), "x");
});
afterAll(() => rm(folder, { recursive: true }));

/** Everything that a model was opened with, as numbers. */
async function weightsOf(
  request: Partial<Parameters<typeof prepare>[0]>,
): Promise<Record<string, Record<string, number[]>>> {
  const { model } = await prepare({ prompt: "a red ball", seed: 1, ...request });
  const all: Record<string, Record<string, number[]>> = {};
  for (const part of ["transformer", "vae", "text"] as const) {
    all[part] = {};
    for (const [name, weight] of model[part].weights) all[part][name] = [...(await weight.read()).data];
  }
  expect([...model.tokenizer.encode("a red ball", 8).ids].slice(3)).not.toEqual([0, 0, 0, 0, 0]);
  await model.close();
  return all;
}

/** f16 folders against f32 files: the very values, as the files were written from them. */
async function expectSame(request: Partial<Parameters<typeof prepare>[0]>): Promise<void> {
  const wanted = { transformer: parts.transformer.size, text: parts.text.size };
  const got = await weightsOf(request);
  expect(Object.keys(got["transformer"]!)).toHaveLength(wanted.transformer);
  expect(Object.keys(got["text"]!)).toHaveLength(wanted.text);
  const query = parts.text.get("encoder.block.0.layer.0.SelfAttention.q.weight")!;
  expect(got["text"]!["blocks.0.attention.query.weight"]).toEqual([...query.data]);
  expect(got["transformer"]!["projectIn.weight"]).toEqual([...parts.transformer.get("patchify_proj.weight")!.data]);
  expect(got["vae"]!["decoder.convIn.weight"]).toEqual([...parts.vae.get("decoder.conv_in.conv.weight")!.data]);
}

describe("ComfyUI's folder", () => {
  test("gives its only LTX model with the T5 that fits and ComfyUI's own tokenizer", async () => {
    await expectSame({ comfyRoot: at("ComfyUI") });
    await expectSame({ comfyRoot: models() });
  });

  test("is found around a checkpoint that is named by its path", async () => {
    await expectSame({ model: models("checkpoints", "video", whole) });
  });

  test("has parts that lie apart, in GGUF and without it", async () => {
    await save(models("unet", "ltx-video-2b-v0.9.6.gguf"), parts.transformer, diffusion);
    await save(models("vae", "ltx-vae.safetensors"), parts.vae, { vae: tinyOriginal.vae });
    await expectSame({ comfyRoot: at("ComfyUI"), model: "ltx-video-2b-v0.9.6.gguf" });
    await expectSame({ model: models("unet", "ltx-video-2b-v0.9.6.gguf") });
    await expect(prepare({ prompt: "x", seed: 1, comfyRoot: at("ComfyUI") })).rejects.toMatchObject({
      kind: "usage",
      hint: expect.stringContaining(join("checkpoints", "video", whole)),
    });
    await expect(prepare({ prompt: "x", seed: 1, comfyRoot: at("ComfyUI"), model: "none.gguf" })).rejects.toThrow(
      'no model "none.gguf"',
    );
  });

  test("that is none is refused", async () => {
    await expect(prepare({ prompt: "x", seed: 1, comfyRoot: at("diffusers") })).rejects.toThrow("no ComfyUI folder");
  });
});

describe("parts that are named one by one", () => {
  test("make a model, wherever they lie", async () => {
    const apart = at("apart");
    await save(join(apart, "t", "ltx-video-2b-v0.9.6.safetensors"), parts.transformer, diffusion);
    await save(join(apart, "v", "vae.safetensors"), parts.vae, { vae: tinyOriginal.vae });
    await save(join(apart, "e", "t5.gguf"), parts.text);
    const model = join(apart, "t", "ltx-video-2b-v0.9.6.safetensors");
    const textEncoder = join(apart, "e", "t5.gguf");
    await expect(prepare({ prompt: "x", seed: 1, model, textEncoder })).rejects.toThrow(
      "holds no LTX-Video autoencoder",
    );
    const ownVae = join(apart, "v", "vae.safetensors");
    await expect(prepare({ prompt: "x", seed: 1, model, textEncoder, vae: ownVae })).rejects.toThrow(
      "no tokenizer beside",
    );
    await cp(at("diffusers", "tokenizer"), join(apart, "e"), { recursive: true });
    await expectSame({ model, textEncoder, vae: ownVae });
    await rename(join(apart, "e", "t5.gguf"), join(apart, "e", "t5.bin"));
    const pickle = prepare({ prompt: "x", seed: 1, model, textEncoder: join(apart, "e", "t5.bin"), vae: ownVae });
    await expect(pickle).rejects.toThrow("can run any code");
  });
});
