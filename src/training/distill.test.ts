import { describe, expect, test } from "vitest";
import { gaussian, Random } from "../base/philox.ts";
import { vocabulary } from "../data/world/captions.ts";
import { TextTokenizer } from "../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../models/t5/word-tokenizer.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { gradients } from "../tensor/reverse.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import { centred, diffusionLoss, similarity } from "./distill-loss.ts";
import { Projector, spaceWeights, timeWeights } from "./distill-projector.ts";
import { DistillTask } from "./distill-task.ts";
import type { Draw, FeatureSource } from "./distill-teacher.ts";
import { initialFlowWeights } from "./flow-initial.ts";
import { modelConfigs } from "./flow-model.ts";
import { type LatentSet, TextToVideoNet } from "./flow-task.ts";
import { initialWeights } from "./initial.ts";
import { type DistillRecipe, type FlowRecipe, parseRecipe } from "./recipe.ts";
import { type Task, Trainer } from "./trainer.ts";

const evaluate = async (outputs: Record<string, Tensor>, inputs: Record<string, HostTensor> = {}) =>
  (await reference.compile(buildProgram(outputs))).run(inputs);

describe("the projector", () => {
  test("frames: the student's that holds the teacher's", () => {
    // 17 pixel frames: 3 latent frames of 8, 5 of 4. Teacher frames 1, 2 lie in student frame 1, and 3, 4 in 2.
    const weights = timeWeights(3, 5, 8, 4, "nearest");
    const taken = [0, 1, 2, 3, 4].map((k) => weights.subarray(3 * k, 3 * k + 3).indexOf(1));
    expect(taken).toEqual([0, 1, 1, 2, 2]);
  });

  test("frames: between centres, s(k) = k / 2 + 1 / 4", () => {
    const weights = timeWeights(3, 5, 8, 4, "linear");
    const place = (k: number) => [0, 1, 2].reduce((sum, j) => sum + j * weights[3 * k + j]!, 0);
    // Frame 1 of the teacher is centred on pixel 2.5, between the student's 0 and 4.5.
    expect(place(0)).toBe(0);
    expect(place(1)).toBeCloseTo(2.5 / 4.5, 6);
    expect(place(2)).toBeCloseTo(1.25, 6);
    expect(place(3)).toBeCloseTo(1.75, 6);
    expect(place(4)).toBe(2);
  });

  test("space: bilinear between half-pixel centres", () => {
    expect([...spaceWeights(2, 4)]).toEqual([1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
  });

  test.each(["nearest", "linear"] as const)("%s: student tokens to the teacher's grid and width", async (frames) => {
    const projector = mount(new Projector(6, 10));
    const from = { grid: { frames: 3, height: 2, width: 3 }, span: [8, 32, 32] as const };
    const to = { grid: { frames: 5, height: 4, width: 6 }, span: [4, 16, 16] as const };
    const out = projector.forward(input("x", [2, 18, 6]), from, to, frames);
    expect(out.shape).toEqual([2, 5 * 4 * 6, 10]);
    const weights = new Map(
      [...initialWeights(projector, 1)].map(([name, value]) => [name, { ...value, read: async () => value }]),
    );
    const executable = await openOrt().compile(buildProgram({ out }), { weights });
    const { out: values } = await executable.run({ x: hostTensor(gaussian(2 * 18 * 6, 1), [2, 18, 6]) });
    expect(values!.data.every(Number.isFinite)).toBe(true);
    executable.dispose();
  });
});

describe("the losses", () => {
  test("the cosine and its gradient", async () => {
    const [a, b] = [gaussian(12, 1, "a"), gaussian(12, 1, "b")];
    const shape = [1, 3, 4];
    const x = input("x", shape);
    const loss = similarity(x, input("y", shape));
    const at = async (values: Float32Array) =>
      evaluate({ loss, slope: gradients(loss, [x])[0]! }, { x: hostTensor(values, shape), y: hostTensor(b, shape) });
    const { loss: value, slope } = await at(a);
    let expected = 0;
    for (let token = 0; token < 3; token++) {
      let [dot, aa, bb] = [0, 0, 0];
      for (let c = 4 * token; c < 4 * token + 4; c++) {
        dot += a[c]! * b[c]!;
        aa += a[c]! ** 2;
        bb += b[c]! ** 2;
      }
      expected += dot / Math.sqrt(aa * bb) / 3;
    }
    expect(value!.data[0]).toBeCloseTo(expected, 10);
    const step = 2 ** -10;
    for (const i of [0, 5, 11]) {
      const moved = async (by: number) => (await at(a.map((v, j) => (j === i ? v + by : v)))).loss!.data[0]!;
      expect((await moved(step)) - (await moved(-step))).toBeCloseTo(2 * step * slope!.data[i]!, 7);
    }
  });

  test("centred, features of other clips are no likeness, and what all have alike is none", async () => {
    const shape = [2, 1, 3];
    const own = [1, 2, -1, -1, -2, 1];
    const features = hostTensor(
      Float32Array.from(own, (value) => value + 50),
      shape,
    );
    const x = input("x", shape);
    const cosines = { plain: similarity(x, input("y", shape)), centre: similarity(x, centred(input("y", shape))) };
    const right = await evaluate(cosines, { x: hostTensor(Float32Array.from(own), shape), y: features });
    expect(right["centre"]!.data[0]).toBeCloseTo(1, 6);
    const shared = await evaluate(cosines, { x: hostTensor(new Float32Array(6).fill(1), shape), y: features });
    expect(shared["plain"]!.data[0]).toBeGreaterThan(0.99);
    expect(Math.abs(shared["centre"]!.data[0]!)).toBeLessThan(1e-6);
  });

  test.each([undefined, [1, 8, 3, 1]])(
    "the literal epsilon form is the velocity form times (1 - σ)², tokens %j",
    async (weights) => {
      const shape = [2, 2, 3];
      const [predicted, target] = [input("p", shape), input("t", shape)];
      const values = { p: hostTensor(gaussian(12, 1, "p"), shape), t: hostTensor(gaussian(12, 1, "t"), shape) };
      const sigmas = [0.25, 0.9];
      const cleanShare = hostTensor(
        sigmas.map((sigma) => 1 - sigma),
        [2, 1, 1],
      );
      const literal = diffusionLoss(predicted, target, "epsilon", { tokens: weights && input("w", [2, 2, 1]) });
      const w = hostTensor(weights ?? [1, 1, 1, 1], [2, 2, 1]);
      const { literal: got } = await evaluate({ literal }, { ...values, cleanShare, ...(weights && { w }) });
      let expected = 0;
      for (let i = 0; i < 12; i++)
        expected +=
          (weights?.[Math.floor(i / 3)] ?? 1) *
          (1 - sigmas[Math.floor(i / 6)]!) ** 2 *
          ((values.p.data[i]! - values.t.data[i]!) ** 2 / 12);
      expect(got!.data[0]).toBeCloseTo(expected, 6);
    },
  );
});

const base = {
  kind: "distill",
  name: "tiny",
  seed: 5,
  world: "mini",
  student: "nowhere",
  teacher: "nowhere",
  strategy: "synchronised",
  weight: 1,
  captionDropout: 0.1,
  clips: {},
  timesteps: { uniform: 0.2, shift: 1.5 },
  preview: { picture: "64x64x9", prompts: 1 },
  optimiser: { rate: 0.01, warmup: 2, final: 1 },
  stages: [
    { steps: 10, buckets: [{ picture: "64x64x1", batch: 4 }] },
    {
      steps: 40,
      buckets: [
        { picture: "64x64x9", batch: 4, weight: 2 },
        { picture: "64x64x1", batch: 4, weight: 1 },
      ],
    },
  ],
};

const tokenizer = new TextTokenizer(buildWordTokenizer(vocabulary()));
const configs = modelConfigs(
  {
    transformer: { layers: 2, heads: 2, headWidth: 16 },
    text: { layers: 1, width: 16, heads: 2, inner: 32, tokens: 12 },
  } as FlowRecipe,
  tokenizer.size,
  8,
);

/** Latents with two places of structure; the teacher's features say the clip's number in their direction. */
function task(
  change: Partial<Record<keyof DistillRecipe, unknown>> = {},
  asked: Draw[] = [],
  transformer = configs.transformer,
): DistillTask {
  const random = new Random(1, 1);
  const set = (frames: number): LatentSet => {
    const clips = Array.from({ length: 4 }, () =>
      Float32Array.from({ length: frames * 4 * 8 }, (_, i) => Math.sign(random.normal()) * (i % 8 < 4 ? 1 : 0.1)),
    );
    return {
      grid: { frames, height: 2, width: 2 },
      count: 4,
      read: async (clip) => clips[clip]!,
      caption: (clip) => ["red", "blue", "green", "yellow"][clip]!,
    };
  };
  const sets = new Map([
    ["64x64x9", set(2)],
    ["64x64x1", set(1)],
  ]);
  const places = (key: string) => ({
    grid: { frames: key.endsWith("x9") ? 3 : 1, height: 4, width: 4 },
    span: [4, 16, 16] as const,
  });
  const features: FeatureSource = {
    async read(key, draws) {
      asked.push(...draws);
      const { frames, height, width } = places(key).grid;
      const tokens = frames * height * width;
      const data = draws.flatMap(({ clip, sigma }) =>
        Array.from({ length: tokens * 6 }, (_, i) => Math.sin(clip * 2 + (i % 6)) * (1 - sigma) + 0.1 * (i % 3)),
      );
      return hostTensor(data, [draws.length, tokens, 6]);
    },
  };
  const recipe = parseRecipe({ ...base, ...change }, "test") as DistillRecipe;
  const teacher = recipe.strategy === "data-only" ? undefined : { width: 6, places, features };
  const start = initialFlowWeights(mount(new TextToVideoNet({ ...flow, text: flow.text }, tokenizer.size, 8)), 1);
  return new DistillTask(recipe, {
    configs: { ...configs, transformer },
    start,
    tokenizer,
    words: 12,
    fps: 8,
    compression: [8, 32, 32],
    sets,
    teacher,
  });
}

const flow = {
  transformer: { layers: 2, heads: 2, headWidth: 16 },
  text: { layers: 1, width: 16, heads: 2, inner: 32, tokens: 12 },
} as FlowRecipe;

async function run(made: Task, trainer: Trainer, steps: number) {
  const out: { loss: number; similarity: number }[] = [];
  for (let i = 0; i < steps; i++) {
    const { loss, values } = await trainer.advance();
    out.push({ loss, similarity: values["similarity"]! });
  }
  expect(made.steps).toBe(50);
  return out;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test("the student comes to see what the teacher sees, and its text encoder stays", async () => {
  const made = task();
  const initial = made.initial();
  const trainer = await Trainer.start(made, openOrt(), initial, made.recipe.optimiser);
  const reports = await run(made, trainer, 50);
  const seen = reports.map((report) => report.similarity);
  expect(mean(seen.slice(-8))).toBeGreaterThan(mean(seen.slice(0, 8)) + 0.3);
  const after = await trainer.weights();
  for (const [name, { data }] of initial) {
    if (name.startsWith("text.")) expect(after.get(name)!.data, name).toEqual(data);
    if (name.startsWith("projector.")) expect(after.get(name)!.data, name).not.toEqual(data);
  }
  trainer.dispose();
}, 120_000);

test("the student's text encoder is told of padding as its model's settings say", async () => {
  const made = task();
  const lossOf = async (maskText: boolean | undefined) => {
    const one = new DistillTask(made.recipe, { ...made.data, maskText });
    const trainer = await Trainer.start(one, openOrt(), one.initial(), made.recipe.optimiser);
    // A new student hears no text in its first steps.
    for (let step = 1; step < 4; step++) await trainer.advance();
    const { loss } = await trainer.advance();
    trainer.dispose();
    return loss;
  };
  const masked = await lossOf(undefined);
  expect(await lossOf(true)).toBe(masked);
  expect(await lossOf(false)).not.toBe(masked);
});

test("a resumed run has the same bits as one that never stopped", async () => {
  const runtime = openOrt();
  const initial = task().initial();
  const settings = { rate: 1e-3 };
  const straight = await Trainer.start(task(), runtime, initial, settings);
  for (let i = 0; i < 14; i++) await straight.advance();
  const stopped = await Trainer.start(task(), runtime, initial, settings);
  for (let i = 0; i < 9; i++) await stopped.advance();
  const resumed = await Trainer.resume(task(), runtime, await stopped.snapshot(), stopped.step, settings);
  for (let i = 0; i < 5; i++) await resumed.advance();
  const [a, b] = [await straight.snapshot(), await resumed.snapshot()];
  for (const [name, { data }] of a) expect(b.get(name)!.data, name).toEqual(data);
  for (const trainer of [straight, stopped, resumed]) trainer.dispose();
}, 120_000);

describe("strategies", () => {
  test("differ in the loss only: clips, noise, levels and words are the same", async () => {
    const [synchronised, fixed, data] = await Promise.all(
      ["synchronised", "fixed", "data-only"].map((strategy) => task({ strategy }).batch(20)),
    );
    const { teacher, ...student } = synchronised!;
    expect(teacher).toBeDefined();
    expect(data).toEqual(student);
    expect({ ...fixed, teacher: undefined }).toEqual({ ...student, teacher: undefined });
  });

  test("shuffled features are those of the next clip of the batch", async () => {
    const [own, next]: [Draw[], Draw[]] = [[], []];
    await task({}, own).batch(20);
    await task({ strategy: "shuffled" }, next).batch(20);
    expect(next).toEqual([...own.slice(1), own[0]!]);
  });

  test("kept draws come from a fixed pool", async () => {
    const asked: Draw[] = [];
    const made = task({ draws: 2 }, asked);
    for (let step = 11; step < 41; step++) await made.batch(step);
    expect(new Set(asked.map(({ number }) => number))).toEqual(new Set([0, 1]));
    const byDraw = new Map<string, Set<number>>();
    for (const { clip, number, sigma } of asked) {
      const key = `${clip} ${number}`;
      byDraw.set(key, (byDraw.get(key) ?? new Set()).add(sigma));
    }
    // One level for a clip's draw at each of the two sizes.
    for (const levels of byDraw.values()) expect(levels.size).toBeLessThanOrEqual(2);
  });
});

test("a student that counts time from its first frame, as LTX-Video does from 0.9.5 on, learns so", async () => {
  const lossOf = async (causalPositions: boolean) => {
    const made = task({ strategy: "data-only" }, [], { ...configs.transformer, causalPositions });
    const weights = new Map(
      [...initialWeights(made.model, 3)].map(([name, value]) => [name, { ...value, read: async () => value }]),
    );
    const executable = await openOrt().compile(buildProgram({ loss: made.loss("64x64x9 4").loss }), { weights });
    const step = Array.from({ length: 20 }, (_, i) => i + 11).find((at) => made.bucket(at) === "64x64x9 4")!;
    return (await executable.run(await made.batch(step)))["loss"]!.data[0]!;
  };
  const [late, early] = [await lossOf(true), await lossOf(false)];
  expect(Math.abs(late - early)).toBeGreaterThan(1e-6);
});

test("centring is of a batch: a clip alone has nothing to differ from", () => {
  const size = (centre: boolean, bucket: string) =>
    buildProgram({ loss: task({ centre }).loss(bucket).loss }).nodes.length;
  expect(size(true, "64x64x9 4")).toBeGreaterThan(size(false, "64x64x9 4"));
  expect(size(true, "64x64x9 1")).toBe(size(false, "64x64x9 1"));
});

test("a tap that does not exist is named", () => {
  expect(() => task({ taps: { student: 2, teacher: -1 } })).toThrow("taps.student: the student has no block 2");
});
