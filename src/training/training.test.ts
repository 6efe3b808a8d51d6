import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { gaussian, Random } from "../base/philox.ts";
import { vocabulary } from "../data/world/captions.ts";
import { WorldClips } from "../data/world/source.ts";
import { TextTokenizer } from "../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../models/t5/word-tokenizer.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { tinyVae } from "../platform/node/generate/testing.ts";
import { channelWeights } from "./flow-loss.ts";
import { FlowTask, type LatentSet } from "./flow-task.ts";
import { type FlowRecipe, parseRecipe, type VaeRecipe } from "./recipe.ts";
import { type Task, Trainer } from "./trainer.ts";
import { psnr, VaeTask } from "./vae-task.ts";
import { validationLevels } from "./validation.ts";

const vaeRecipe = parseRecipe(
  {
    kind: "vae",
    name: "tiny",
    seed: 5,
    world: "mini",
    model: {
      ...tinyVae,
      latentChannels: 24,
      encoder: { ...tinyVae.encoder, layers: [1, 0, 0, 0] },
      decoder: { ...tinyVae.decoder, layers: [1, 0, 0, 0] },
    },
    startClips: 12,
    loss: { object: 3, gradient: 0.5, kl: 0.0001 },
    optimiser: { rate: 0.0005, warmup: 4, final: 0.1, fanIn: 864 },
    stages: [{ steps: 12, batch: 2, crop: "64x64x9", pictures: ["128x128x9"], centred: 0.8 }],
  },
  "test",
) as VaeRecipe;

const flowRecipe = parseRecipe(
  {
    kind: "text-to-video",
    name: "tiny-flow",
    seed: 5,
    world: "mini",
    vae: "nowhere",
    transformer: { layers: 2, heads: 2, headWidth: 16 },
    text: { layers: 1, width: 16, heads: 2, inner: 32, tokens: 24 },
    captionDropout: 0.1,
    fps: 8,
    clips: {},
    timesteps: { uniform: 0.2, shift: 1.5 },
    preview: { picture: "64x64x9", prompts: 1 },
    defaults: { picture: "64x64x9", steps: 4, guidanceScale: 3, shift: 1 },
    optimiser: { rate: 0.01, warmup: 2, final: 1 },
    stages: [
      {
        steps: 60,
        buckets: [
          { picture: "64x64x9", batch: 8, weight: 2 },
          { picture: "64x64x1", batch: 8, weight: 1 },
        ],
      },
    ],
  },
  "test",
) as FlowRecipe;

const world = new WorldClips("mini", 5);

function flowTask(change: Partial<FlowRecipe> = {}, channelWeights?: Float32Array): FlowTask {
  const random = new Random(1, 1);
  const set = (frames: number): LatentSet => {
    const clips = Array.from({ length: 4 }, () =>
      Float32Array.from({ length: frames * 4 * 8 }, (_, i) => Math.sign(random.normal()) * (i % 8 < 4 ? 1 : 0.1)),
    );
    return {
      grid: { frames, height: 2, width: 2 },
      count: 4,
      read: async (clip) => clips[clip]!,
      caption: (clip, random) => world.caption(clip, { width: 64, height: 64, frames }, random),
      objects: async () => Float32Array.from({ length: frames * 4 }, (_, token) => (token % 4) / 4),
    };
  };
  const tokenizer = new TextTokenizer(buildWordTokenizer(vocabulary()));
  const sets = new Map([
    ["64x64x9", set(2)],
    ["64x64x1", set(1)],
    ["held-out", set(2)],
  ]);
  return new FlowTask(
    { ...flowRecipe, ...change },
    {
      tokenizer,
      channels: 8,
      compression: [8, 32, 32],
      sets,
      channelWeights,
    },
  );
}

async function losses(trainer: Trainer, steps: number): Promise<number[]> {
  const out: number[] = [];
  for (let i = 0; i < steps; i++) out.push((await trainer.advance()).loss);
  return out;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test("an autoencoder starts far above the mean picture", async () => {
  const task = new VaeTask(vaeRecipe, world);
  const trainer = await Trainer.start(task, openOrt(), await task.initial(), { ...vaeRecipe.optimiser, rate: 1e-9 });
  const { values } = await trainer.advance();
  trainer.dispose();
  // The mean picture has about 0.25, that is 12 dB.
  expect(psnr(values["mse"]!)).toBeGreaterThan(17);
});

test("flow matching lowers its loss", async () => {
  const task = flowTask();
  const trainer = await Trainer.start(task, openOrt(), await task.initial(), flowRecipe.optimiser);
  const all = await losses(trainer, 60);
  trainer.dispose();
  expect(mean(all.slice(-10))).toBeLessThan(0.8 * mean(all.slice(0, 10)));
});

const weighings: [string, Float32Array | undefined, number | undefined][] = [
  ["all alike", undefined, undefined],
  ["channels by their effect", channelWeights(Float32Array.of(16, 9, 4, 4, 1, 1, 1, 0), 0.5), undefined],
  ["objects more, where there is little noise", undefined, 5],
];

test.each(weighings)(
  "held-out clips, %s: the same question each time, whose first answer is known",
  async (_, weights, objectWeight) => {
    const task = flowTask({ validation: { clips: 2, every: 2 }, objectWeight }, weights);
    const trainer = await Trainer.start(task, openOrt(), await task.initial(), { rate: 1e-12 });
    const reports = [];
    for (let i = 0; i < 4; i++) reports.push(await trainer.advance());
    trainer.dispose();
    expect(reports.map(({ validation }) => validation !== undefined)).toEqual([false, true, false, true]);
    const [first, second] = [reports[1]!.validation!, reports[3]!.validation!];
    expect(first).toEqual(second);
    // The head starts at zero, so that the loss is the mean square of noise - clip at every level.
    const set = task.data.sets.get("held-out")!;
    const squares = validationLevels.map(() => 0);
    for (const clip of [0, 1]) {
      const clean = await set.read(clip);
      const noise = gaussian(clean.length, 5, `held-out-${clip}`);
      for (const [at, sigma] of validationLevels.entries()) {
        const covered = (i: number) => (Math.floor(i / 8) % 4) / 4;
        const weight = (i: number) =>
          (weights?.[i % 8] ?? 1) * (1 + ((objectWeight ?? 1) - 1) * (1 - sigma) * covered(i));
        const sum = clean.reduce((sum, value, i) => sum + weight(i) * (noise[i]! - value) ** 2, 0);
        squares[at]! += sum / clean.length / 2;
      }
    }
    for (const [at, { loss }] of Object.values(first).entries()) expect(loss).toBeCloseTo(squares[at]!, 5);
  },
);

test("channels are weighed by a power of their effect, with a mean of 1", () => {
  expect([...channelWeights(Float32Array.of(16, 4, 1, 1), 0.5)]).toEqual([2, 1, 0.5, 0.5]);
  expect([...channelWeights(Float32Array.of(16, 4, 1, 1), 0)]).toEqual([1, 1, 1, 1]);
});

test("latents get noise of another deviation for each crop, up to the recipe's", async () => {
  const { wrong } = await new VaeTask({ ...vaeRecipe, latentNoise: 0.5 }, world).batch(3);
  const [first, second] = [0, 1].map((item) => {
    const size = wrong!.data.length / 2;
    const part = Array.from(wrong!.data.subarray(item * size, (item + 1) * size) as Float32Array);
    return Math.sqrt(mean(part.map((x) => x * x)));
  }) as [number, number];
  expect(Math.max(first, second)).toBeLessThan(0.65);
  expect(Math.abs(first - second)).toBeGreaterThan(0.01);
  expect(await new VaeTask(vaeRecipe, world).batch(3)).not.toHaveProperty("wrong");
});

const resumable: [string, () => Task][] = [
  ["autoencoder", () => new VaeTask(vaeRecipe, world)],
  ["autoencoder of noisy latents", () => new VaeTask({ ...vaeRecipe, latentNoise: 0.3 }, world)],
  ["flow", () => flowTask()],
];

test.each(resumable)("%s: a resumed run has the same bits as one that never stopped", async (_, make) => {
  const runtime = openOrt();
  const initial = await make().initial();
  const straight = await Trainer.start(make(), runtime, initial, { rate: 1e-3 });
  await losses(straight, 4);
  const stopped = await Trainer.start(make(), runtime, initial, { rate: 1e-3 });
  await losses(stopped, 2);
  const resumed = await Trainer.resume(make(), runtime, await stopped.snapshot(), stopped.step, { rate: 1e-3 });
  await losses(resumed, 2);
  const [a, b] = [await straight.snapshot(), await resumed.snapshot()];
  for (const [name, { data }] of a) expect(b.get(name)!.data, name).toEqual(data);
  for (const trainer of [straight, stopped, resumed]) trainer.dispose();
});

test("a frozen encoder stays as it is while the decoder learns", async () => {
  const recipe = { ...vaeRecipe, frozen: ["encoder"] };
  const from = await new VaeTask(vaeRecipe, world).initial();
  const task = new VaeTask(recipe, world, from);
  const trainer = await Trainer.start(task, openOrt(), await task.initial(), { rate: 1e-3 });
  await losses(trainer, 2);
  const weights = await trainer.weights();
  trainer.dispose();
  const moved = (half: string) =>
    [...weights].filter(([name, { data }]) => name.startsWith(half) && !isDeepStrictEqual(data, from.get(name)!.data));
  expect([...weights.keys()]).toEqual([...from.keys()]);
  expect(moved("encoder.")).toEqual([]);
  expect(moved("decoder.").length).toBeGreaterThan(10);
  expect(() => new VaeTask({ ...recipe, frozen: ["decoder.nothing"] }, world)).toThrow(/no part decoder\.nothing/);
});

test("batches are functions of the step", async () => {
  const [a, b] = [flowTask(), flowTask()];
  await a.batch(3);
  expect(await a.batch(7)).toEqual(await b.batch(7));
  expect(await a.batch(8)).not.toEqual(await b.batch(7));
});

test("unknown keys of a recipe are refused with their place", () => {
  const wrong = { ...vaeRecipe, loss: { object: 1, gradient: 1, kl: 0, klimt: 2 } };
  expect(() => parseRecipe(wrong, "recipe.yaml")).toThrow(/recipe\.yaml: .*loss.*klimt/);
});
