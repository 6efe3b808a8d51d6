import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { StepReport } from "../../../training/trainer.ts";
import { openOrt } from "../devices/ort.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { inFolder, smoothClip } from "../video/testing.ts";
import { writeVideo } from "../video/write.ts";
import { type TrainOptions, train } from "./run.ts";
import { linkFiles } from "./testing.ts";

const recipe = {
  kind: "text-to-video",
  name: "own",
  seed: 2,
  folder: { path: "clips", fps: 12 },
  vae: "tiny/vae",
  transformer: { layers: 1, heads: 1, headWidth: 16 },
  text: { layers: 1, width: 16, heads: 1, inner: 16, tokens: 8 },
  captionDropout: 0.1,
  fps: 12,
  clips: {},
  timesteps: { uniform: 0.2, shift: 1 },
  preview: { picture: "64x64x9", prompts: 1 },
  validation: { clips: 1, every: 2 },
  defaults: { picture: "64x64x9", steps: 1, guidanceScale: 1, shift: 1 },
  optimiser: { rate: 0.01, warmup: 1 },
  stages: [{ steps: 4, buckets: [{ picture: "64x64x9", batch: 2 }] }],
};

async function run(home: string, options: TrainOptions = {}): Promise<{ losses: number[]; notes: string[] }> {
  const [losses, notes] = [[] as number[], [] as string[]];
  const note = (text: string) => void notes.push(text);
  for await (const event of train(join(home, "own.yaml"), openOrt(), {
    folder: join(home, "runs", "own"),
    note,
    ...options,
  }))
    if (event.type === "step") losses.push(event.report.loss);
  return { losses, notes };
}

test(
  "a folder trains: what cannot be used is named, latents are kept, a damaged shard is made again",
  () =>
    inFolder(async (home) => {
      await saveTinyModel(join(home, "tiny"));
      await linkFiles(join(home, "tiny"));
      const options = { width: 96, height: 80, fps: 12 };
      for (const name of ["a", "b", "bare"])
        await writeVideo(join(home, "clips", `${name}.mp4`), smoothClip(12, 96, 80), options);
      await writeFile(join(home, "clips", "a.txt"), "colours drift");
      await writeFile(join(home, "clips", "b.txt"), "word ".repeat(10_000));
      await writeFile(join(home, "clips", "empty.mp4"), "");
      await writeFile(join(home, "own.yaml"), stringify(recipe));

      const first = await run(home);
      expect(first.losses.length).toBe(4);
      expect(first.notes).toEqual([
        "1 files cannot be used: empty.mp4: the file is empty",
        "1 files have no caption and are left out: bare.mp4",
      ]);
      const tokenizer = await readFile(join(home, "runs/own/model/tokenizer/tokenizer.json"), "utf8");
      expect(Object.keys(JSON.parse(tokenizer).model.vocab)).toEqual([
        "<pad>",
        "</s>",
        "<unk>",
        "word",
        "colours",
        "drift",
      ]);

      const cache = join(home, "runs/latents");
      const [set] = await readdir(cache);
      const shard = join(cache, set!, "rows-0.safetensors");
      const whole = await readFile(shard);
      for (const damaged of [
        whole.subarray(0, -10),
        Buffer.concat([whole.subarray(0, -4), Buffer.from([1, 2, 3, 4])]),
      ]) {
        await writeFile(shard, damaged);
        await expect(run(home)).rejects.toThrow("holds a run already");
        const again = await run(home, { force: true });
        expect(again.notes.at(-1)).toBe(`${shard} is damaged and is made again`);
        expect(again.losses).toEqual(first.losses);
        expect(await readFile(shard)).toEqual(whole);
      }

      const log = await readFile(join(home, "runs/own/log.jsonl"), "utf8");
      expect(log.trim().split("\n").length).toBe(4); // of the last run alone
      const looks = log.split("\n").filter((line) => line.includes("validation"));
      expect(looks.map((line) => (JSON.parse(line) as StepReport).step)).toEqual([2, 4]);
      expect(Object.keys((JSON.parse(looks[0]!) as StepReport).validation!)).toEqual([
        "0.1",
        "0.3",
        "0.5",
        "0.7",
        "0.9",
      ]);
      const stopped = await run(home, { steps: 2, force: true });
      const resumed = await run(home, { resume: true });
      expect([...stopped.losses, ...resumed.losses]).toEqual(first.losses);
      const resumedLog = await readFile(join(home, "runs/own/log.jsonl"), "utf8");
      const heldOut = (text: string) => /"validation":.*/.exec(text.trim().split("\n").at(-1)!)![0];
      expect(heldOut(resumedLog)).toBe(heldOut(log));

      await writeFile(join(home, "own.yaml"), stringify({ ...recipe, validation: { clips: 2, every: 2 } }));
      await expect(run(home, { force: true })).rejects.toThrow("2 of 2 files that fit cannot be held out");
    }),
  180_000,
);

test("a folder that holds nothing long enough says what stands in the way", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    await writeVideo(join(home, "clips", "short.mp4"), smoothClip(4, 64, 64), { width: 64, height: 64, fps: 12 });
    await writeFile(join(home, "clips", "short.txt"), "short");
    await writeFile(join(home, "own.yaml"), stringify(recipe));
    await expect(run(home)).rejects.toThrow(
      "none of 1 files can give clips of 64x64x9; short.mp4: 4 frames at 12 a second",
    );
    await writeFile(join(home, "own.yaml"), stringify({ ...recipe, world: "mini" }));
    await expect(run(home)).rejects.toThrow("expected either world or folder, got both");
  }));

test("a run goes on from a finished model, of its own shape only", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    const { folder: _, ...rest } = recipe;
    const world = { ...rest, world: "mini", clips: { "64x64x9": 4 } };
    await writeFile(join(home, "own.yaml"), stringify(world));
    const first = await run(home);
    await writeFile(
      join(home, "own.yaml"),
      stringify({ ...world, from: "runs/first/model", optimiser: { rate: 1e-9, average: 0 } }),
    );
    await rename(join(home, "runs/own"), join(home, "runs/first"));
    const again = await run(home);
    const weights = (name: string) =>
      readFile(join(home, "runs", name, "model/transformer/diffusion_pytorch_model.safetensors"));
    expect(await weights("own")).toEqual(await weights("first"));
    expect(again.losses[0]).not.toBe(first.losses[0]);

    await writeFile(
      join(home, "own.yaml"),
      stringify({ ...world, from: "runs/first/model", transformer: { layers: 2, heads: 1, headWidth: 16 } }),
    );
    await rm(join(home, "runs/own"), { recursive: true });
    await expect(run(home)).rejects.toThrow(/another shape/);
  }));

test("weights of objects are refused where nobody knows where objects are", () =>
  inFolder(async (home) => {
    await writeVideo(join(home, "clips", "a.mp4"), smoothClip(12, 96, 80), { width: 96, height: 80, fps: 12 });
    await writeFile(join(home, "clips", "a.txt"), "colours drift");
    await writeFile(join(home, "own.yaml"), stringify({ ...recipe, validation: undefined, objectWeight: 8 }));
    await expect(run(home)).rejects.toThrow(/rendered clips only/);
  }));
