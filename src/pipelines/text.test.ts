import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openOrt } from "../platform/node/devices/ort.ts";
import { saveTinyModel } from "../platform/node/generate/testing.ts";
import { openModel } from "../platform/node/models/open-model.ts";
import { encodeText, type TextCache } from "./text.ts";

test("a prompt's states are kept, by everything that decides them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-text-"));
  await saveTinyModel(folder);
  const model = await openModel(folder);
  const held = new Map<string, Float32Array>();
  const cache: TextCache = {
    get: async (key) => held.get(key),
    set: async (key, states) => void held.set(key, states),
  };
  const runtime = openOrt();
  try {
    const first = await encodeText(model, runtime, ["a red ball"], { cache });
    expect(held.size).toBe(1);
    const forbidden = { ...runtime, compile: () => Promise.reject(new Error("it is known already")) };
    const again = await encodeText(model, forbidden, ["a red ball"], { cache });
    expect(again.states.data).toEqual(first.states.data);
    await expect(encodeText(model, forbidden, ["a blue ball"], { cache })).rejects.toThrow("known already");
    await encodeText(model, { ...runtime, name: "another" }, ["a red ball"], { cache });
    await encodeText({ ...model, settings: { ...model.settings, maskText: false } }, runtime, ["a red ball"], {
      cache,
    });
    expect(held.size).toBe(3);
  } finally {
    await model.close();
    await rm(folder, { recursive: true });
  }
});
