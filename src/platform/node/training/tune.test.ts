import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { storeFloat32, type TensorData } from "../../../weights/safetensors-writer.ts";
import { openOrt } from "../devices/ort.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { addTinyHr, saveTinyModel } from "../generate/testing.ts";
import { openLoras } from "../models/open-lora.ts";
import { openModel } from "../models/open-model.ts";
import { smoothClip } from "../video/testing.ts";
import { writeVideo } from "../video/write.ts";
import { valuesOf } from "./job.ts";
import { type TrainOptions, train } from "./run.ts";
import { linkFiles } from "./testing.ts";

const recipe = {
  kind: "fine-tune",
  name: "tuned",
  seed: 2,
  folder: { path: "clips", fps: 8 },
  from: "tiny",
  captionDropout: 0.1,
  fps: 8,
  clips: {},
  timesteps: { uniform: 0.2, shift: 1 },
  preview: { picture: "64x64x9", prompts: 1 },
  validation: { clips: 1, every: 2 },
  optimiser: { rate: 0.01, warmup: 0, average: 0, accumulate: 2 },
  stages: [{ steps: 4, buckets: [{ picture: "64x64x9", batch: 1 }] }],
};

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "turbo2k-tune-"));
  await saveTinyModel(join(home, "tiny"));
  for (const [name, caption] of [
    ["a", "a red ball"],
    ["b", "a blue cube"],
  ] as const) {
    await writeVideo(join(home, "clips", `${name}.mp4`), smoothClip(12, 64, 64), { width: 64, height: 64, fps: 8 });
    await writeFile(join(home, "clips", `${name}.txt`), caption);
  }
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function run(change: object, folder: string, options: TrainOptions = {}): Promise<number[]> {
  await writeFile(join(home, "tune.yaml"), stringify({ ...recipe, ...change }));
  const losses: number[] = [];
  for await (const event of train(join(home, "tune.yaml"), openOrt(), {
    folder: join(home, "runs", folder),
    ...options,
  }))
    if (event.type === "step") losses.push(event.report.loss);
  return losses;
}

const layer = "blocks.0.selfAttention.query.weight";
const weightOf = async (model: Awaited<ReturnType<typeof openModel>>) =>
  (await valuesOf(model.transformer.weights)).get(layer)!.data as Float32Array;
const largest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);

test("all weights go on from a model, into a model folder", async () => {
  expect((await run({}, "full")).length).toBe(4);
  const looks = (await readFile(join(home, "runs/full/log.jsonl"), "utf8")).match(
    /"validation":\{"0\.1":\{"loss":[\d.]+\}/g,
  );
  expect(looks).toHaveLength(2);
  expect(looks![0]).not.toBe(looks![1]);
  const [before, after] = [await openModel(join(home, "tiny")), await openModel(join(home, "runs/full/model"))];
  const moved = largest(await weightOf(before), await weightOf(after));
  expect(moved).toBeGreaterThan(1e-4);
  expect(moved).toBeLessThan(0.05);
  await before.close();
  await after.close();
}, 60_000);

/** Every file of a folder, links followed. */
async function contentsOf(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    if ((await stat(path)).isFile())
      found[name] = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
  }
  return found;
}

/** Cuts a model's transformer into two files with an index, as large ones are published. */
async function cutTransformer(folder: string): Promise<void> {
  const whole = join(folder, "transformer/diffusion_pytorch_model.safetensors");
  const { checkpoint } = await openCheckpointPath(whole);
  const shards = [new Map<string, TensorData>(), new Map<string, TensorData>()];
  const weight_map: Record<string, string> = {};
  for (const [i, [name, entry]] of [...checkpoint.tensors].entries()) {
    shards[i % 2]!.set(name, storeFloat32(await readFloat32(entry), entry.shape, "F16"));
    weight_map[name] = `diffusion_pytorch_model-0000${1 + (i % 2)}-of-00002.safetensors`;
  }
  await checkpoint.close();
  await rm(whole);
  for (const [i, tensors] of shards.entries())
    await writeSafetensorsFile(
      join(folder, `transformer/diffusion_pytorch_model-0000${i + 1}-of-00002.safetensors`),
      tensors,
    );
  await writeFile(`${whole}.index.json`, JSON.stringify({ metadata: {}, weight_map }));
}

test("a model of links, in several files and with a second stage, goes on and stays as it is", async () => {
  const from = join(home, "published");
  await saveTinyModel(from);
  await cutTransformer(from);
  await addTinyHr(from);
  await linkFiles(from);
  const before = await contentsOf(from);
  const notes: string[] = [];
  const note = (text: string) => void notes.push(text);
  await run({ from: "published" }, "published", { steps: 2, note });
  await run({ from: "published" }, "published", { resume: true, note });
  expect(notes[0]).toMatch(/second stage of published belongs to its old weights and is left out/);
  expect(await contentsOf(from)).toEqual(before);
  const made = join(home, "runs/published/model");
  const entries = await readdir(made, { recursive: true, withFileTypes: true });
  expect(entries.filter((entry) => entry.isSymbolicLink())).toEqual([]);
  expect((await readdir(join(made, "transformer"))).sort()).toEqual([
    "config.json",
    "diffusion_pytorch_model.safetensors",
  ]);
  const model = await openModel(made);
  await model.close();
  expect(model.hr).toBeUndefined();
  expect(model.settings.hr).toBeUndefined();
}, 60_000);

test("adapters are saved as peft reads them, and merge into the model", async () => {
  // The tiny model's head is zero: without an adapter there, nothing else would learn.
  await run({ lora: { rank: 2, alpha: 4, layers: "(Attention\\.(query|key|value|out)|projectOut)$" } }, "lora");
  const path = join(home, "runs/lora/model/adapter_model.safetensors");
  const { checkpoint } = await openCheckpointPath(path);
  expect([...checkpoint.tensors.keys()].sort()[0]).toBe("base_model.model.proj_out.lora_A.weight");
  expect(checkpoint.tensors.size).toBe(18);
  const values = async (part: string) =>
    readFloat32(checkpoint.tensors.get(`base_model.model.transformer_blocks.0.attn1.to_q.lora_${part}.weight`)!);
  const [down, up] = [await values("A"), await values("B")];
  expect(Math.max(...up.map(Math.abs))).toBeGreaterThan(1e-4);
  const model = await openModel(join(home, "tiny"));
  const base = await weightOf(model);
  const inner = down.length / 2;
  const expected = base.map((value, at) => {
    const [o, i] = [Math.floor(at / inner), at % inner];
    return value + up[2 * o]! * down[i]! + up[2 * o + 1]! * down[inner + i]!;
  });
  const adapted = await openLoras(await openModel(join(home, "tiny")), [{ path, weight: 1 }], openOrt());
  expect(largest(await weightOf(adapted), expected)).toBeLessThan(2e-3);
  const snapshot = (await openCheckpointPath(join(home, "runs/lora/snapshot.safetensors"))).checkpoint;
  expect(await readFloat32(snapshot.tensors.get(`transformer.${layer}`)!)).toEqual(base);
  for (const one of [checkpoint, model, adapted, snapshot]) await one.close();
}, 60_000);

test("a run goes on with a changed recipe, which it says, and not with another model's", async () => {
  const steps = (count: number, rate: number) => ({
    optimiser: { ...recipe.optimiser, rate },
    stages: [{ ...recipe.stages[0], steps: count }],
  });
  expect(await run(steps(2, 0.01), "more")).toHaveLength(2);
  const notes: string[] = [];
  const resume = { resume: true, note: (text: string) => void notes.push(text) };
  // A process that was killed in the middle of a line.
  await appendFile(join(home, "runs/more/log.jsonl"), '{"step":3,"lo');
  expect(await run(steps(3, 0.02), "more", resume)).toHaveLength(1);
  expect(notes).toEqual(["the recipe has changed since this run began: optimiser, stages"]);
  const log = await readFile(join(home, "runs/more/log.jsonl"), "utf8");
  expect(
    log
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { step: number }).step),
  ).toEqual([1, 2, 3]);
  expect(await readFile(join(home, "runs/more/recipe.json"), "utf8")).toContain('"rate": 0.02');
  await expect(run({ ...steps(4, 0.01), lora: { rank: 2 } }, "more", resume)).rejects.toThrow(
    "holds a run of another recipe: its lora.0.down is not there",
  );
}, 60_000);

test("what cannot go on is refused by name", async () => {
  const resume = { resume: true };
  const parts = { optimiser: { ...recipe.optimiser, accumulate: 4 } };
  await run({}, "parts", { steps: 1 });
  await expect(run(parts, "parts", resume)).rejects.toThrow(/of another recipe: its accumulate is 2, not 4/);
  await expect(run({ optimiser: { rate: 0.01, average: 0 } }, "parts", resume)).rejects.toThrow(
    /its accumulate is 2, not 1/,
  );
  await expect(run({ optimiser: { ...recipe.optimiser, average: 0.9 } }, "parts", resume)).rejects.toThrow(
    /keeps no average of its weights: average was 0/,
  );
  await saveTinyModel(join(home, "alike"));
  await expect(run({ from: "alike" }, "parts", resume)).rejects.toThrow(/its from is tiny, not alike/);
  const kind = {
    kind: "distill",
    from: undefined,
    fps: undefined,
    student: "tiny",
    teacher: "t",
    strategy: "data-only",
  };
  await expect(run(kind, "parts", resume)).rejects.toThrow(/its kind is fine-tune, not distill/);

  const kept = join(home, "runs/parts/recipe.json");
  await writeFile(kept, (await readFile(kept, "utf8")).slice(0, -20));
  await expect(run({}, "parts", resume)).rejects.toMatchObject({ kind: "usage", where: kept });
  await rm(kept);
  const { accumulate: _, ...whole } = recipe.optimiser;
  await expect(run({ optimiser: whole }, "parts", resume)).rejects.toThrow("a run that accumulates gradients");
  expect(await run({}, "parts", resume)).toHaveLength(3);
  expect(JSON.parse(await readFile(kept, "utf8"))).toMatchObject({ kind: "fine-tune" });
}, 60_000);

test("a run with moments of 8 bits goes on to the same bits, and not with others", async () => {
  const optimiser = { ...recipe.optimiser, moments: "int8", accumulate: 1 };
  const whole = await run({ optimiser }, "narrow");
  const parts = await run({ optimiser }, "narrow-parts", { steps: 2 });
  parts.push(...(await run({ optimiser }, "narrow-parts", { resume: true })));
  expect(parts).toEqual(whole);
  const names = async (folder: string) => {
    const { checkpoint } = await openCheckpointPath(join(home, "runs", folder, "snapshot.safetensors"));
    await checkpoint.close();
    return [...checkpoint.tensors].filter(([, { dtype }]) => dtype === "I32").map(([name]) => name);
  };
  expect(await names("narrow")).toContain("transformer.blocks.0.feedForward.in.weight#v");
  const other = run({ optimiser: { ...optimiser, moments: "f32" } }, "narrow", { resume: true });
  await expect(other).rejects.toThrow("holds a run whose moments are not in f32");
}, 60_000);

test("layers that do not exist, and models that are none, are refused", async () => {
  await expect(run({ lora: { rank: 2, layers: "nothing$" } }, "none")).rejects.toThrow(
    "no linear layer matches /nothing$/",
  );
  await expect(run({ lora: { rank: 2, layers: "(" } }, "none")).rejects.toThrow("regular expression");
  await expect(run({ from: "missing" }, "none")).rejects.toThrow("no such model");
});
