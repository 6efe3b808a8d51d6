import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { goldenFolder, goldenJson } from "../testing/goldens.ts";
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

test("absent fields are those of the published classes", () => {
  expect(ltx.fromDiffusers({})).toEqual(ltx.ltx2b);
  expect(vae.fromDiffusers({})).toMatchObject({ latentChannels: 128, patch: 4, decoder: { timestep: false } });
  expect(fromTransformers(toTransformers(t5xxl))).toEqual(t5xxl);
});
