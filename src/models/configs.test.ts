import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { goldenFolder, goldenJson } from "../testing/goldens.ts";
import * as clip from "./clip/config.ts";
import * as hunyuan from "./hunyuan/config.ts";
import * as hunyuanVae from "./hunyuan-vae/config.ts";
import * as llama from "./llama/config.ts";
import * as ltx from "./ltx/config.ts";
import * as vae from "./ltx-vae/config.ts";
import { fromTransformers, t5xxl, toTransformers } from "./t5/encoder.ts";

const folders = (await readdir(goldenFolder)).filter((name) => !name.includes("."));
const named = (start: RegExp) => folders.filter((name) => start.test(name));
const read = (name: string) => goldenJson<Record<string, unknown>>(name, "config.json");

test.each(named(/^(transformer|sampling)/))("%s keeps its settings as a diffusers config", async (name) => {
  const config = ltx.fromDiffusers(await read(name));
  expect(ltx.fromDiffusers(ltx.toDiffusers(config))).toEqual(config);
});

test.each(named(/^vae/))("%s keeps its settings as a diffusers config", async (name) => {
  const config = vae.fromDiffusers(await read(name));
  expect(vae.fromDiffusers(vae.toDiffusers(config))).toEqual(config);
});

test.each(named(/^t5/))("%s keeps its settings as a transformers config", async (name) => {
  const config = fromTransformers(await read(name));
  expect(fromTransformers(toTransformers(config))).toEqual(config);
});

const pairs = [
  [/^hunyuan-[^v]/, hunyuan.fromDiffusers, hunyuan.toDiffusers],
  [/^hunyuan-vae/, hunyuanVae.fromDiffusers, hunyuanVae.toDiffusers],
  [/^llama/, llama.fromTransformers, llama.toTransformers],
  [/^clip/, clip.fromTransformers, clip.toTransformers],
] as const;
const ofHunyuan = pairs.flatMap(([start, from, to]) => named(start).map((name) => [name, from, to] as const));

test.each(ofHunyuan)("%s keeps its settings as a published config", async (name, from, to) => {
  const config = from(await read(name));
  expect(from((to as (settings: object) => Record<string, unknown>)(config))).toEqual(config);
});

test("absent fields are those of the published classes", () => {
  expect(ltx.fromDiffusers({})).toEqual(ltx.ltx2b);
  expect(vae.fromDiffusers({})).toMatchObject({ latentChannels: 128, patch: 4, decoder: { timestep: false } });
  expect(hunyuan.fromDiffusers({})).toEqual(hunyuan.hunyuanVideo);
  expect(hunyuanVae.fromDiffusers({})).toEqual(hunyuanVae.hunyuanVideoVae);
  expect(fromTransformers(toTransformers(t5xxl))).toEqual(t5xxl);
});

test("an autoencoder's setting that should be a list is named", () => {
  expect(() => vae.fromDiffusers({ layers_per_block: 7 })).toThrow(
    expect.objectContaining({
      kind: "checkpoint",
      message: expect.stringContaining("layers_per_block must be a list, got 7"),
    }),
  );
});
