/** Original checkpoints: the same weights as a diffusers folder must give the same latents. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../../../base/errors.ts";
import { fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { originalNames } from "../../../models/ltx-vae/weights.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import { f16ToF32 } from "../../../weights/half.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32, type TensorData } from "../../../weights/safetensors-writer.ts";
import { openOrt } from "../devices/ort.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { describeModel } from "../inspect/describe-model.ts";
import { openModel } from "./open-model.ts";
import { tinyOriginal } from "./testing.ts";

let folder: string;
const file = () => join(folder, "single", "ltxv-2b-0.9.6-dev.safetensors");

/** A module of the tiny model under the names of an original file. */
async function renamed(module: string, prefix: string, rename: (name: string) => string) {
  const { checkpoint } = await openCheckpointPath(join(folder, "diffusers", module));
  const entries = await Promise.all(
    [...checkpoint.tensors].map(
      async ([name, entry]) =>
        [prefix + rename(name), storeFloat32(await readFloat32(entry), [...entry.shape])] as [string, TensorData],
    ),
  );
  await checkpoint.close();
  return entries;
}

async function writeSingle(path: string, config: object | undefined): Promise<void> {
  const json = JSON.parse(await readFile(join(folder, "diffusers", "vae", "config.json"), "utf8"));
  const words: Record<string, string> = { proj_in: "patchify_proj", time_embed: "adaln_single" };
  const tensors = new Map([
    ...(await renamed("transformer", "model.diffusion_model.", (name) =>
      name.replace(/^(proj_in|time_embed)\./, (_, word: string) => `${words[word]}.`).replace(/norm_([qk])/, "$1_norm"),
    )),
    ...(await renamed("vae", "vae.", originalNames(fromDiffusers(json)))),
  ]);
  await writeSafetensorsFile(path, tensors, config ? { metadata: { config: JSON.stringify(config) } } : {});
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-single-"));
  await saveTinyModel(join(folder, "diffusers"));
  await mkdir(join(folder, "single"));
  await writeSingle(file(), tinyOriginal);
  for (const part of ["text_encoder", "tokenizer"])
    await cp(join(folder, "diffusers", part), join(folder, "single", part), { recursive: true });
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

async function latentsOf(path: string): Promise<Float32Array> {
  const model = await openModel(path);
  try {
    const request = { width: 64, height: 64, frames: 9, fps: 8, seed: 5, guidanceScale: 2, sigmas: [1, 0.5] };
    const settings = { ...model.settings, textLength: 16 };
    const guidance = [{ from: 0, scale: 2 }];
    const events = textToVideo({ ...model, settings }, openOrt(), {
      ...request,
      guidance,
      prompt: "a red ball",
      negativePrompt: "",
    });
    for await (const event of events) if (event.type === "latents") return event.latents;
    throw new Error("no latents");
  } finally {
    await model.close();
  }
}

describe("an original file", () => {
  test("gives the latents of the diffusers folder with the same weights", async () => {
    // The tiny folder counts time by the first pixel frame, as its settings file makes it a model of its own.
    const expected = await latentsOf(join(folder, "diffusers"));
    const got = await latentsOf(file());
    expect([...got]).toEqual([...expected]);
  });

  test("holds each weight where the diffusers folder has it", async () => {
    const [one, other] = await Promise.all([openModel(file()), openModel(join(folder, "diffusers"))]);
    for (const part of ["transformer", "vae"] as const)
      for (const [name, weight] of other[part].weights) {
        const [a, b] = await Promise.all([one[part].weights.get(name)!.read(), weight.read()]);
        const [got, expected] = [a, b].map(({ data, dtype }) =>
          dtype === "f16" ? f16ToF32(data as Uint16Array) : data,
        );
        expect([name, Array.from(got!)]).toEqual([name, Array.from(expected!)]);
      }
    expect(one.statistics).toEqual(other.statistics);
    await Promise.all([one.close(), other.close()]);
  });

  test("is recognised, with the scheduler and positions that it names", async () => {
    const model = await openModel(file());
    expect(model.settings.name).toBe("LTX-Video of its own size, built like 0.9.5");
    expect(model.settings.schedule).toEqual({ kind: "linear-quadratic" });
    expect(model.transformer.config.causalPositions).toBe(false);
    expect(model.files.map(({ name }) => name)).toEqual(["transformer", "vae", "text_encoder"]);
    expect(model.files[0]!.hash.identity).toBe(model.files[1]!.hash.identity);
    await model.close();
  });

  test("is described without a text encoder", async () => {
    const { modules, faults, settings } = await describeModel(file());
    expect(faults).toEqual([]);
    expect(modules.map(({ class: name }) => name)).toEqual(["LTXVideoTransformer3DModel", "AutoencoderKLLTXVideo"]);
    expect(settings?.name).toMatch(/built like 0\.9\.5/);
  });

  test("takes its text encoder from another folder", async () => {
    const alone = join(folder, "alone.safetensors");
    await cp(file(), alone);
    await expect(openModel(alone)).rejects.toThrow(/no text encoder/);
    const textEncoder = join(folder, "diffusers");
    const model = await openModel(alone, { textEncoder });
    await model.close();
    await (await openModel(alone, { textEncoder: join(textEncoder, "text_encoder") })).close();
  });

  test("has the hash of all shards of its text encoder, by their index too", async () => {
    const shards = join(folder, "shards");
    await cp(join(folder, "diffusers", "tokenizer"), join(shards, "tokenizer"), { recursive: true });
    await cp(join(folder, "diffusers", "text_encoder", "config.json"), join(shards, "config.json"));
    const entries = await renamed("text_encoder", "", (name) => name);
    const halves = [entries.slice(0, 2), entries.slice(2)];
    const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const write = (half: number) => writeSafetensorsFile(join(shards, names[half]!), new Map(halves[half]));
    const map = Object.fromEntries(halves.flatMap((half, at) => half.map(([name]) => [name, names[at]])));
    const index = join(shards, "model.safetensors.index.json");
    await Promise.all([write(0), write(1), writeFile(index, JSON.stringify({ weight_map: map }))]);
    const identity = async (textEncoder: string) => {
      const model = await openModel(file(), { textEncoder });
      await model.close();
      return model.files.find(({ name }) => name === "text_encoder")!.hash.identity;
    };
    const first = await identity(index);
    expect(await identity(shards)).toBe(first);
    const [name, { shape }] = halves[1]![0]!;
    halves[1]![0] = [name, storeFloat32(new Float32Array(shape.reduce((a, b) => a * b)), shape)];
    await write(1);
    expect(await identity(index)).not.toBe(first);
  });

  test("takes an autoencoder that is named in place of its own", async () => {
    const model = await openModel(file(), { vae: join(folder, "diffusers", "vae") });
    const [own, named] = ["transformer", "vae"].map(
      (part) => model.files.find(({ name }) => name === part)!.hash.identity,
    );
    await model.close();
    expect(named).not.toBe(own); // one file holds both, so they would be the same
  });

  test("whose name tells of another release than its autoencoder is refused", async () => {
    const early = join(folder, "single", "ltx-video-2b-v0.9.1.safetensors");
    await cp(file(), early);
    await expect(openModel(early)).rejects.toThrow(
      "the file is called ltx-video-2b-v0.9.1.safetensors, so the autoencoder should be that of 0.9.0 or 0.9.1; it is",
    );
    expect((await describeModel(early)).faults.join()).toMatch(/should be that of 0\.9\.0/);
  });

  test("with settings that belong to another model, lists what does not fit", async () => {
    const other = join(folder, "single", "other.safetensors");
    await writeSingle(other, {
      ...tinyOriginal,
      transformer: { ...tinyOriginal.transformer, num_layers: 2 },
    });
    const error = await openModel(other).catch((cause: unknown) => cause as CheckpointError);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).message).toMatch(/missing.*transformer_blocks\.1/s);
    expect((error as CheckpointError).exitCode).toBe(3);
  });

  test("of neither model, is refused by what it lacks", async () => {
    const none = join(folder, "single", "none.safetensors");
    await writeSafetensorsFile(none, new Map([["lora.weight", storeFloat32(new Float32Array(2), [2])]]));
    await expect(openModel(none)).rejects.toThrow(/holds no LTX-Video transformer/);
  });
});

test("folders with parts of two releases are refused", async () => {
  const mixed = join(folder, "mixed");
  await cp(join(folder, "diffusers"), mixed, { recursive: true });
  await rm(join(mixed, "turbo2k.json"));
  await (await openModel(mixed)).close();
  await mkdir(join(mixed, "scheduler"));
  const config = { _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true, shift_terminal: 0.1 };
  await writeFile(join(mixed, "scheduler", "scheduler_config.json"), JSON.stringify(config));
  await expect(openModel(mixed)).rejects.toThrow(
    /the scheduler shifts noise levels by size, so the autoencoder should be/,
  );
  expect((await describeModel(mixed)).faults.join()).toMatch(/the autoencoder should be that of 0\.9\.0 or 0\.9\.1/);
});
