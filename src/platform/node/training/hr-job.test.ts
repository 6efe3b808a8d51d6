import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { Random } from "../../../base/philox.ts";
import { run } from "../../../cli/testing.ts";
import { WorldClips } from "../../../data/world/source.ts";
import { encodeTiled, encodeWindow, TileEncoder } from "../../../pipelines/encode.ts";
import { gridOf, pack } from "../../../pipelines/latents.ts";
import { relativeError } from "../../../testing/relative-error.ts";
import { type Drafter, FrozenDraft } from "../../../training/hr-draft.ts";
import type { HrTask } from "../../../training/hr-task.ts";
import { type HrRecipe, parseRecipe } from "../../../training/recipe.ts";
import type { Frame } from "../../../video/frame.ts";
import { openOrt } from "../devices/ort.ts";
import { Opened } from "../files/opened.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { openModel } from "../models/open-model.ts";
import { readReceipt } from "../video/read.ts";
import { writeVideo } from "../video/write.ts";
import { openClips } from "./clips.ts";
import { hrSet } from "./hr-cache.ts";
import { hrJob } from "./hr-job.ts";
import { valuesOf } from "./job.ts";
import { latentSet } from "./latent-cache.ts";
import { openLatentSource } from "./latent-source.ts";

const runtime = openOrt({ threads: 1 });
let home: string;
const path = (name: string) => join(home, name);
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "turbo2k-hr-"));
  await saveTinyModel(path("tiny"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const recipe = {
  kind: "high-resolution",
  name: "tiny-hr",
  seed: 3,
  world: "mini",
  model: "tiny",
  draft: "64x64",
  taps: [0],
  captionDropout: 0.1,
  clips: { "160x160x1 whole": 4, "160x160x9 3x2": 8 },
  group: 4,
  timesteps: { uniform: 0.2, shift: 3 },
  preview: { picture: "160x160x1", prompts: 1 },
  validation: { clips: 2, every: 3 },
  defaults: { steps: 2, shift: 2 },
  optimiser: { rate: 0.003, warmup: 1, final: 1 },
  stages: [
    { steps: 3, buckets: [{ picture: "160x160x1", batch: 2 }] },
    { steps: 3, buckets: [{ picture: "160x160x9", window: "3x2", batch: 2 }] },
  ],
};

async function train(change: object, output: string, ...flags: string[]) {
  await writeFile(path(`${output}.yaml`), stringify({ ...recipe, ...change }));
  return run(["train", path(`${output}.yaml`), "-o", path(output), ...flags]);
}
const losses = async (output: string) =>
  (await readFile(path(`${output}/log.jsonl`), "utf8"))
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { loss: number }).loss);

/** Stored values of a model's draft or second stage. */
async function stored(folder: string, part: "transformer" | "hr"): Promise<Map<string, Float32Array>> {
  const model = await openModel(path(folder));
  const values = await valuesOf((part === "hr" ? model.hr! : model.transformer).weights);
  await model.close();
  return new Map([...values].map(([name, { data }]) => [name, data as Float32Array]));
}
const secondStage = (output: string) => stored(`${output}/model`, "hr");

describe("the second stage", () => {
  test("trains from one frame to more, resumes to the same bits, and makes videos", async () => {
    const whole = await train({}, "whole");
    expect({ code: whole.code, err: whole.err }).toMatchObject({ code: 0 });
    expect(await losses("whole")).toHaveLength(6);
    expect((await train({}, "parts", "--steps", "2")).code).toBe(0);
    expect((await train({}, "parts", "--resume")).code).toBe(0);
    expect(await losses("parts")).toEqual(await losses("whole"));
    const looks = async (output: string) =>
      (await readFile(path(`${output}/log.jsonl`), "utf8")).match(/"validation":.*/g);
    expect(await looks("whole")).toHaveLength(2);
    expect(await looks("parts")).toEqual(await looks("whole"));

    const model = await openModel(path("whole/model"));
    await model.close();
    expect(model.hr!.config).toMatchObject({ taps: [0], guidance: "features", form: "residual" });
    expect(model.settings.hr).toEqual({ steps: 2, schedule: { kind: "uniform", shift: 2 }, guidanceScale: 1 });
    const made = await run([
      ...["generate", "a red ball", "--model", path("whole/model"), "-o", path("clip.mp4"), "--size", "160x96"],
    ]);
    expect({ code: made.code, err: made.err }).toMatchObject({ code: 0 });
    expect((await readReceipt(path("clip.mp4"))).draft).toMatchObject({ width: 96, height: 64 });
  });

  test.each(["features-synced", "latents", "none"])("learns in the arm %s too", async (guidance) => {
    const { code, err } = await train({ guidance, stages: recipe.stages.slice(1) }, guidance);
    expect({ code, err }).toMatchObject({ code: 0 });
    const all = await losses(guidance);
    expect(all.every(Number.isFinite)).toBe(true);
  });

  test.each([
    ["figure", "dense", 0],
    ["literal", "dense", 0],
    ["residual", "depthwise", 3],
  ])("learns with %s fusions, a %s guide and %i moments, from a linked model folder", async (form, conv, moments) => {
    await symlink(path("tiny"), path(`linked-${form}`));
    const change = { model: `linked-${form}`, form, conv, moments, stages: recipe.stages.slice(1) };
    expect(await train(change, form)).toMatchObject({ code: 0 });
    const model = await openModel(path(`${form}/model`));
    await model.close();
    expect(model.hr!.config).toMatchObject({ form, conv, moments });
  });

  test("goes on from a trained second stage, and refuses one of another shape", async () => {
    const still = { optimiser: { rate: 1e-12, warmup: 0, final: 1 }, stages: [{ ...recipe.stages[1]!, steps: 1 }] };
    expect(await train({ stages: recipe.stages.slice(1) }, "first")).toMatchObject({ code: 0 });
    expect(await train({ from: "first/model", ...still }, "second")).toMatchObject({ code: 0 });
    expect(await train(still, "anew")).toMatchObject({ code: 0 });
    const [first, second, anew] = await Promise.all(["first", "second", "anew"].map(secondStage));
    for (const [name, values] of first!) expect(relativeError(second!.get(name)!, values), name).toBeLessThan(1e-6);
    expect([...first!].some(([name, values]) => relativeError(anew!.get(name)!, values) > 1e-3)).toBe(true);

    // Beside a draft of other weights, what differs between the drafts is added.
    await saveTinyModel(path("later"), {}, 2);
    expect(await train({ from: "first/model", model: "later", ...still }, "third")).toMatchObject({ code: 0 });
    const third = await secondStage("third");
    const [before, now] = [await stored("tiny", "transformer"), await stored("later", "transformer")];
    for (const [name, values] of first!) {
      const draft = (of: typeof before) => of.get(name.replace(/^transformer\./, ""));
      const wanted = values.map((value, i) => value + (draft(now)?.[i] ?? 0) - (draft(before)?.[i] ?? 0));
      expect(relativeError(third.get(name)!, wanted), name).toBeLessThan(2e-3);
    }
    expect(await train({ from: "first/model", moments: 3, ...still }, "other")).toEqual({
      ...{ code: 3, out: "" },
      err: expect.stringContaining("another shape than the recipe's"),
    });
    expect(await train({ from: "tiny", ...still }, "none-there")).toMatchObject({ code: 3 });
  });

  test("learns from a folder: what the draft sees and the window are of one clip, and one moment of it", async () => {
    // Each file has a colour of its own, which changes as time goes by.
    const colours = [0, 60, 120, 180, 240];
    for (const [at, red] of colours.entries()) {
      const frame = (green: number): Frame => {
        const data = new Uint8Array(200 * 176 * 3);
        for (let i = 0; i < data.length; i += 3) data.set([red, green, 240 - red], i);
        return { width: 200, height: 176, data };
      };
      const frames = Array.from({ length: 24 }, (_, f) => frame(10 * f));
      await writeVideo(path(`films/${at}.mp4`), frames, { width: 200, height: 176, fps: 12 });
      await writeFile(path(`films/${at}.txt`), `${red}`);
    }
    const { world: _, ...rest } = recipe;
    const own = {
      ...rest,
      clips: { "160x160x9 3x2": 8 },
      folder: { path: "films", fps: 12, crop: 0.3 },
      stages: recipe.stages.slice(1),
    };
    const parsed = parseRecipe(own, "own") as HrRecipe;
    const options = { base: home, cache: path("own-latents") };
    const clips = await openClips(parsed, options);
    const opened = new Opened();
    const { task } = await hrJob(parsed, clips, runtime, options, opened);
    const { sets, draft } = (task as HrTask).data;
    expect(draft.model.settings.fps).toBe(12);
    const set = sets.get("160x160x9 3x2")!;
    const model = await openModel(path("tiny"));
    const encoder = new TileEncoder(model, runtime);
    const picture = { width: 160, height: 160, frames: 9 };
    for (let clip = 0; clip < 8; clip++) {
      const [red, green] = meansOf(await clips.clips.pixels(clip, picture));
      const size = { width: 64, height: 64, frames: 9 };
      const small = await clips.clips.smaller(picture).pixels(clip, size);
      expect(relativeError(await set.small.read(clip), pack(await encoder.encode(small, size), 16))).toBeLessThan(2e-3);
      expect(meansOf(small)[0]).toBeCloseTo(red!, 1);
      expect(meansOf(small)[1]).toBeCloseTo(green!, 1);
      const part = await (await clips.clips.parts(clip, picture))({ top: 32, left: 64, width: 96, height: 64 });
      expect(meansOf(part)[1]).toBeCloseTo(green!, 1);
      expect(Math.abs(127.5 * (red! + 1) - Number(set.small.caption(clip, new Random(1))))).toBeLessThan(8);
    }
    expect(set.count).toBe(8);
    // Captions of files are encoded once, and kept in half precision.
    const live = new FrozenDraft(draft.model as Drafter, runtime, [0]);
    const seen = { grid: set.small.grid, noisy: await set.small.read(0), sigmas: [0.1], captions: ["120"] };
    const [kept, anew] = [await draft.run(seen), await live.run(seen)];
    expect(relativeError(kept.text.data as Float32Array, anew.text.data as Float32Array)).toBeLessThan(1e-3);
    expect(kept.mask.data).toEqual(anew.mask.data);
    expect(relativeError(kept.features[0]!.data as Float32Array, anew.features[0]!.data as Float32Array)).toBeLessThan(
      1e-3,
    );
    await expect(draft.run({ ...seen, captions: ["another"] })).rejects.toThrow();
    live.dispose();
    encoder.dispose();
    await model.close();
    await opened.close();
    expect(await train({ ...own, world: undefined }, "from-films")).toMatchObject({ code: 0 });
  });

  test.each([
    ["another small size than the model's", { draft: "96x64" }, "makes 64x64"],
    ["taps that do not exist", { taps: [0, 1] }, "taps must rise from 0 to 0"],
    ["an unknown guidance", { guidance: "pixels" }, "guidance"],
    [
      "a picture off the grid",
      { stages: [{ steps: 1, buckets: [{ picture: "150x150x9", batch: 1 }] }] },
      "off this model's grid",
    ],
    [
      "a window larger than its picture",
      { stages: [{ steps: 1, buckets: [{ picture: "96x96x9", window: "4x3", batch: 1 }] }] },
      "is larger than its picture of 3x3 cells",
    ],
  ])("refuses %s", async (_, change, message) => {
    expect(await train(change, "refused")).toEqual({ code: 2, out: "", err: expect.stringContaining(message) });
  });
});

/** Means of red and green, in [-1, 1], of pixels [3, F, H, W]. */
function meansOf(pixels: Float32Array): number[] {
  const plane = pixels.length / 3;
  return [0, 1].map((c) => pixels.subarray(c * plane, (c + 1) * plane).reduce((a, b) => a + b, 0) / plane);
}

describe("windows of large clips", () => {
  const picture = { width: 448, height: 352, frames: 9 };
  const clips = new WorldClips("mini", 3);

  test("are parts of the whole picture's latents", async () => {
    const model = await openModel(path("tiny"));
    const grid = gridOf(picture, model.vae.config);
    const pixels = await clips.pixels(0, picture);
    const encoder = new TileEncoder(model, runtime);
    const whole = await encoder.encode(pixels, picture);
    const draw = await clips.parts(0, picture);
    const crop = { top: 5, left: 5, height: 2, width: 3 };
    const part = await encodeWindow(encoder, model, { grid, crop, draw });
    const { latentChannels } = model.vae.config;
    const expected = new Float32Array(part.length);
    for (let plane = 0, to = 0; plane < latentChannels * grid.frames; plane++)
      for (let y = crop.top; y < crop.top + crop.height; y++)
        for (let x = crop.left; x < crop.left + crop.width; x++)
          expected[to++] = whole[(plane * grid.height + y) * grid.width + x]!;
    expect(relativeError(part, expected)).toBeLessThan(1e-5);
    const tiled = await encodeTiled(model, runtime, { grid, draw, tile: 4 });
    expect(relativeError(tiled, whole)).toBeLessThan(1e-5);
    encoder.dispose();
    await model.close();
  });

  test("are kept on disk; clips of a group share their place", async () => {
    const { source, close } = await openLatentSource(path("tiny/vae"));
    const bucket = { picture, window: { width: 4, height: 3 }, batch: 1, weight: 1 };
    const small = await latentSet(source, runtime, {
      ...{ folder: path("cache"), clips, count: 6 },
      picture: { ...picture, width: 64, height: 64 },
    });
    const request = {
      folder: path("cache"),
      clips,
      bucket,
      small,
      count: 6,
      group: 3,
      seed: 1,
    };
    const made = await hrSet(source, runtime, request);
    const again = await hrSet(source, runtime, request);
    expect(await again.read(5)).toEqual(await made.read(5));
    expect(await made.read(4)).not.toEqual(await made.read(5));
    expect(made.large).toEqual({ frames: 2, height: 11, width: 14 });
    expect(made.small.grid).toEqual({ frames: 2, height: 2, width: 2 });
    const places = Array.from({ length: 20 }, (_, group) => made.window(group));
    for (const { top, left, height, width } of places) {
      expect([height, width]).toEqual([3, 4]);
      expect(top >= 0 && top <= 8 && left >= 0 && left <= 10).toBe(true);
    }
    expect(new Set(places.map(({ top, left }) => `${top} ${left}`)).size).toBeGreaterThan(5);
    await Promise.all([made.close(), again.close(), small.close()]);
    close();
  });
});
