/** A model's files with settings that cannot be: `info` and `generate --plan` name file and field, and end with 3. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addTinyHr, saveTinyUpsampler } from "../platform/node/generate/testing.ts";
import { saveTinyTeacher } from "../platform/node/training/testing.ts";
import { openBench, run } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
beforeAll(async () => {
  bench = await openBench();
  await addTinyHr(bench.model);
  await saveTinyUpsampler(join(bench.model, "latent_upsampler"));
});
afterAll(() => bench.close());

type Json = Record<string, unknown>;

/** The tiny model with a field of one file changed. */
async function changed(file: string, change: Json): Promise<string> {
  const model = join(await mkdtemp(join(bench.folder, "changed-")), "model");
  await cp(bench.model, model, { recursive: true });
  const path = join(model, file);
  const json = JSON.parse(await readFile(path, "utf8").catch(() => "{}")) as Json;
  await writeFile(path, JSON.stringify({ ...json, ...change }));
  return model;
}

test.each([
  ["transformer/config.json", { norm_eps: "x" }, "norm_eps"],
  ["transformer/config.json", { num_attention_heads: 0 }, "num_attention_heads"],
  ["vae/config.json", { block_out_channels: [8, 16, 32, 60] }, "block_out_channels[3]"],
  ["vae/config.json", { layers_per_block: [1, 1] }, "layers_per_block"],
  ["text_encoder/config.json", { layer_norm_epsilon: [] }, "layer_norm_epsilon"],
  ["hr_transformer/config.json", { norm_eps: -1 }, "norm_eps"],
  ["hr_transformer/config.json", { taps: ["x"] }, "taps"],
  ["latent_upsampler/config.json", { num_blocks_per_stage: 1.5 }, "num_blocks_per_stage"],
  ["turbo2k.json", { width: "wide" }, 'width: expected number, got "wide"'],
  ["turbo2k.json", { schedule: { kind: "steep" } }, "schedule.kind: expected 'dynamic-shift'"],
  ["turbo2k.json", { depth: 3 }, 'unrecognized key: "depth"'],
  ["tokenizer/tokenizer.json", { model: { vocab: 5 } }, "vocab"],
])("%s with %j", async (file, change, field) => {
  const model = await changed(file, change);
  for (const command of [
    ["info", model],
    ["generate", "a red ball", "--plan", "--model", model, "-o", join(bench.folder, "no.mp4")],
  ]) {
    const { code, err } = await run(command);
    expect(err).toContain(field);
    expect(err).toContain(file.split("/")[0]);
    expect(err).not.toContain('"code"');
    expect(code).toBe(3);
  }
});

test("a scheduler's settings are looked at where they decide", async () => {
  const model = await changed("turbo2k.json", {});
  await rm(join(model, "turbo2k.json"));
  await mkdir(join(model, "scheduler"));
  const path = join(model, "scheduler", "scheduler_config.json");
  await writeFile(path, JSON.stringify({ use_dynamic_shifting: true, shift_terminal: "x" }));
  const { code, err } = await run(["info", model]);
  expect(err).toContain(`${path}: the scheduler's settings: shift_terminal must be a number between 0 and 1, got "x"`);
  expect(code).toBe(3);
});

test("info knows the classes of a teacher", async () => {
  const teacher = join(bench.folder, "teacher");
  await saveTinyTeacher(teacher);
  const { code, out } = await run(["info", teacher]);
  for (const name of ["HunyuanVideoTransformer3DModel", "PcaCodec", "LlamaModel", "CLIPTextModel"])
    expect(out).toContain(name);
  expect(code).toBe(0);
});
