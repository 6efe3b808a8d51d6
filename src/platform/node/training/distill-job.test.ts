import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { hunyuanToVideo } from "../../../pipelines/hunyuan-to-video.ts";
import { encodeText } from "../../../pipelines/text.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { relativeError } from "../../../testing/relative-error.ts";
import type { DistillTask } from "../../../training/distill-task.ts";
import { parseRecipe } from "../../../training/recipe.ts";
import { f16ToF32, f32ToF16 } from "../../../weights/half.ts";
import { openOrt } from "../devices/ort.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { openModel } from "../models/open-model.ts";
import { type OpenedTeacher, openTeacher } from "../models/teacher-folder.ts";
import { inFolder, smoothClip } from "../video/testing.ts";
import { writeVideo } from "../video/write.ts";
import { valuesOf } from "./job.ts";
import { type TrainOptions, train } from "./run.ts";
import { openJob } from "./tasks.ts";
import { linkFiles } from "./testing.ts";

const shared = {
  seed: 3,
  world: "mini",
  captionDropout: 0.1,
  clips: { "64x64x9": 3, "64x64x1": 3 },
  timesteps: { uniform: 0.2, shift: 2 },
  preview: { picture: "64x64x9", prompts: 1 },
  validation: { clips: 2, every: 2 },
  optimiser: { rate: 0.003, warmup: 1 },
  stages: [
    {
      steps: 4,
      buckets: [
        { picture: "64x64x1", batch: 2 },
        { picture: "64x64x9", batch: 2, weight: 2 },
      ],
    },
  ],
};
const teacher = {
  ...shared,
  kind: "teacher",
  name: "teacher",
  codec: { cell: "8x8x4", channels: 6, clips: 2 },
  transformer: { doubleBlocks: 1, singleBlocks: 1, refinerBlocks: 1, heads: 2, ropeAxes: [4, 2, 2] },
  text: { layers: 1, width: 16, heads: 2, keyHeads: 1, inner: 16, tokens: 16 },
  pooled: { layers: 1, width: 16, heads: 2, inner: 16 },
  fps: 8,
  defaults: { picture: "64x64x9", steps: 1, guidanceScale: 2, shift: 2 },
};
const distill = { ...shared, kind: "distill", name: "distill", student: "tiny", teacher: "runs/teacher/model" };

async function run(home: string, recipe: { name: string }, options: TrainOptions = {}): Promise<number[]> {
  const path = join(home, `${recipe.name}.yaml`);
  await writeFile(path, stringify(recipe));
  const losses: number[] = [];
  for await (const event of train(path, openOrt(), { folder: join(home, "runs", recipe.name), ...options }))
    if (event.type === "step") losses.push(event.report.loss);
  return losses;
}

test(
  "a teacher is trained and saved, a student learns from it, features from disk are the live ones in half precision",
  () =>
    inFolder(async (home) => {
      await saveTinyModel(join(home, "tiny"));
      await linkFiles(join(home, "tiny"));
      expect((await run(home, teacher)).every(Number.isFinite)).toBe(true);
      const opened = await openTeacher(join(home, "runs/teacher/model"));
      expect(opened.transformer.config).toMatchObject({ doubleBlocks: 1, channels: 6, guidance: false });
      await opened.close();

      const live = await run(home, { ...distill, strategy: "synchronised" } as never);
      expect(live.length).toBe(4);
      // The same run again, stopped in the middle, with features on disk: a damaged shard is made again.
      const kept = { ...distill, name: "kept", strategy: "synchronised", draws: 2, objectWeight: 8 };
      const first = await run(home, kept, { steps: 2 });
      const folders = (await readdir(join(home, "runs/latents"))).filter((name) => name.startsWith("features-64x64x9"));
      const shard = join(home, "runs/latents", folders[0]!, "rows-0.safetensors");
      const bytes = await readFile(shard);
      await writeFile(shard, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
      const notes: string[] = [];
      const rest = await run(home, kept, { resume: true, note: (text) => void notes.push(text) });
      expect(notes.join()).toContain("rows-0.safetensors is damaged and is made again");
      expect([...first, ...rest].length).toBe(4);
      const drawn = JSON.parse(await readFile(join(home, "runs/latents", folders[0]!, "draws.json"), "utf8"));
      expect(drawn.rows.length).toBe(6);
      expect(drawn.rows[3]).toMatchObject({ clip: 1, number: 1, noise: { seed: 3, stream: "teacher 64x64x9 1 1" } });

      const log = (name: string) => readFile(join(home, "runs", name, "log.jsonl"), "utf8");
      expect((await log("teacher")).match(/"validation"/g)).toHaveLength(2);
      const batches = [];
      for (const draws of [2, 0]) {
        const recipe = parseRecipe({ ...kept, draws }, "test");
        const job = await openJob(recipe, openOrt(), { base: home, cache: join(home, "runs/latents") });
        // Both draw from the pool of two, whoever computes the features.
        Object.assign((job.task as unknown as { recipe: object }).recipe, { draws: 2 });
        batches.push(await job.task.batch(3), await job.task.validation!.batch(1, 0.5));
        await job.dispose();
      }
      // Of training and of held-out clips.
      const features = batches.map((batch) => batch["teacher"]!.data as Float32Array);
      for (const of of [0, 1]) {
        const [stored, computed] = [features[of]!, features[2 + of]!];
        expect(relativeError(stored, f16ToF32(f32ToF16(computed)))).toBeLessThan(1e-3);
        expect(relativeError(stored, computed)).toBeGreaterThan(0);
      }

      // The projector learned from this very teacher.
      const weights = join(home, "runs/teacher/model/transformer/diffusion_pytorch_model.safetensors");
      const trained = await readFile(weights);
      await writeFile(weights, trained.with(trained.length - 2, trained.at(-2)! ^ 1));
      await expect(run(home, kept, { resume: true })).rejects.toThrow(
        /learns from the teacher runs\/teacher\/model \([0-9a-f]{12}\), not from runs\/teacher\/model \([0-9a-f]{12}\)/,
      );
      await expect(run(home, { ...kept, teacher: "other" } as never, { resume: true })).rejects.toThrow(
        "its teacher is runs/teacher/model, not other",
      );
    }),
  180_000,
);

test("a teacher's objects weigh more, and it samples with the guidance and the sampler of its settings", () =>
  inFolder(async (home) => {
    const guidance = [
      { from: 0.5, scale: 1 },
      { from: 0, scale: 100 },
    ];
    const defaults = { ...teacher.defaults, steps: 3, guidance, sampler: "stochastic" };
    const recipe = parseRecipe({ ...teacher, objectWeight: 8, defaults }, "test");
    const job = await openJob(recipe, openOrt(), { base: home, cache: join(home, "runs/latents") });
    const weights = (await job.task.batch(1))["weights"]!;
    expect(weights.shape).toEqual([2, expect.any(Number), 1]);
    expect(Math.min(...(weights.data as Float32Array))).toBe(1);
    expect(Math.max(...(weights.data as Float32Array))).toBeGreaterThan(1.5);
    await job.dispose();

    await run(home, { ...teacher, defaults } as never);
    const model = await openTeacher(join(home, "runs/teacher/model"));
    expect(model.settings).toMatchObject({ guidance, sampler: "stochastic" });
    const sample = async (change: object) => {
      const settings = { ...model.settings, ...change };
      const request = { prompt: "a red ball", seed: 1, width: 64, height: 64, frames: 9 };
      const frames = await hunyuanToVideo({ ...model, settings }, openOrt(), request);
      return Buffer.concat(frames.map(({ data }) => data));
    };
    const own = await sample({});
    expect(own.equals(await sample({ guidance: [...guidance] }))).toBe(true);
    expect(own.equals(await sample({ guidance: undefined }))).toBe(false);
    expect(own.equals(await sample({ sampler: "euler" }))).toBe(false);
    await model.close();
  }));

test("a teacher goes on from a finished one, of its own shape and on its own autoencoder", () =>
  inFolder(async (home) => {
    await run(home, teacher);
    const [from, codec] = ["runs/teacher/model", "runs/teacher/model/vae"];
    await linkFiles(join(home, codec));
    const on = { ...teacher, name: "on", from, codec, optimiser: { rate: 1e-9, average: 0 } };
    await run(home, on, { steps: 2 });
    await run(home, on, { resume: true });
    const [one, other] = await Promise.all(
      ["teacher", "on"].map((name) => openTeacher(join(home, "runs", name, "model"))),
    );
    const partsOf = ({ transformer, text, codec }: OpenedTeacher) =>
      Promise.all([transformer, text!.language, text!.clip, codec].map(({ weights }) => valuesOf(weights)));
    const of = { one: await partsOf(one!), other: await partsOf(other!) };
    for (const [i, values] of of.one.entries()) {
      const others = of.other[i]!;
      expect([...values.keys()]).toEqual([...others.keys()]);
      for (const [name, { data }] of values)
        expect(relativeError(others.get(name)!.data, data), name).toBeLessThan(1e-6);
    }
    await one!.close();
    await other!.close();
    await expect(run(home, { ...teacher, name: "other", from } as never)).rejects.toThrow(/codec: must be the folder/);
    const pooled = { ...teacher.pooled, layers: 2 };
    const misfit = run(home, { ...teacher, name: "other", from, codec, pooled } as never);
    await expect(misfit).rejects.toThrow("another shape than the recipe's");
  }));

test("a teacher that is none is refused before anything is encoded, and nothing stays open", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    await mkdir(join(home, "none/transformer"), { recursive: true });
    await writeFile(join(home, "none/transformer/config.json"), "{}");
    const before = await openFiles(home);
    await expect(run(home, { ...distill, teacher: "none", strategy: "fixed" } as never)).rejects.toThrow();
    expect(await openFiles(home)).toEqual(before);
    await expect(readdir(join(home, "runs/latents"))).rejects.toThrow("ENOENT");
  }));

test("a text encoder that was frozen does not begin to learn in the middle of a run", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    const { validation: _, ...alone } = { ...distill, strategy: "data-only" };
    await run(home, alone, { steps: 1 });
    const learning = run(home, { ...alone, trainText: true } as never, { resume: true });
    await expect(learning).rejects.toThrow(/holds a run in which text\.\S+ was frozen/);
  }));

test("tokens lie where the rate of a folder's clips puts them", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    const size = { width: 64, height: 64, fps: 24 };
    await writeVideo(join(home, "clips/a.mp4"), smoothClip(12, 64, 64), size);
    await writeFile(join(home, "clips/a.txt"), "colours drift");
    const { world, validation, ...rest } = { ...distill, strategy: "data-only", clips: { "64x64x1": 1, "64x64x9": 1 } };
    const rates = [{ world }, { folder: { path: "clips", fps: 24 } }].map(async (source) => {
      const recipe = parseRecipe({ ...rest, ...source }, "test");
      const job = await openJob(recipe, openOrt(), { base: home, cache: join(home, "runs/latents") });
      await job.dispose();
      return (job.task as DistillTask).data.fps;
    });
    expect(await Promise.all(rates)).toEqual([8, 24]);
  }));

test("captions of a folder are read once, in place of the frozen text encoder", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    const size = { width: 64, height: 64, fps: 24 };
    await writeVideo(join(home, "clips/a.mp4"), smoothClip(12, 64, 64), size);
    await writeFile(join(home, "clips/a.txt"), "colours drift");
    const { world: _, validation: __, ...rest } = distill;
    const own = { ...rest, strategy: "data-only", captionDropout: 0, folder: { path: "clips", fps: 24 } };
    const stages = [{ steps: 2, buckets: [{ picture: "64x64x9", batch: 2 }] }];
    const recipe = { ...own, clips: {}, stages };
    const textOf = async (trainText: boolean) => {
      const parsed = parseRecipe({ ...recipe, trainText }, "test");
      const job = await openJob(parsed, openOrt(), { base: home, cache: join(home, "runs/latents") });
      const { text, ids } = await job.task.batch(1);
      const names = [...parametersOf(job.task.model).keys()];
      await job.dispose();
      return { text, ids, hasEncoder: names.some((name) => name.startsWith("text.")) };
    };
    expect(await textOf(true)).toMatchObject({ text: undefined, ids: { shape: [2, 16] }, hasEncoder: true });
    const read = await textOf(false);
    expect(read).toMatchObject({ ids: undefined, hasEncoder: false });
    const student = await openModel(join(home, "tiny"));
    const { states } = await encodeText(student, openOrt(), ["colours drift", "colours drift"]);
    expect(relativeError(read.text!.data as Float32Array, states.data as Float32Array)).toBeLessThan(1e-3);
    expect(await run(home, recipe)).toHaveLength(2);
    const made = await openModel(join(home, "runs/distill/model"));
    const [before, after] = [await valuesOf(student.text.weights), await valuesOf(made.text.weights)];
    expect(after).toEqual(before);
    await Promise.all([student.close(), made.close()]);
  }));

/** Files under a folder that this process holds open, where the system tells (Linux). */
async function openFiles(folder: string): Promise<string[]> {
  const handles = await readdir("/proc/self/fd").catch(() => []);
  const paths = await Promise.all(handles.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return paths.filter((path) => path.startsWith(folder));
}
