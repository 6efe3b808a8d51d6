import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { channelOf } from "../plane.ts";
import { resample } from "../resample.ts";
import { frameOf, greyFrame, waves } from "../testing.ts";
import { type Companions, type LearnedMetric, type Network, openLearned } from "./adapters.ts";
import { DoverViews, doverScores } from "./dover.ts";
import { clipInput, dinoInput, limitLongerSide } from "./inputs.ts";
import { musiqInput } from "./musiq.ts";

/** Made by tools/parity/metric_inputs.py. */
interface Sample {
  readonly shape: number[];
  readonly at: number[];
  readonly values: number[];
  readonly mean: number;
}
interface Golden {
  readonly height: number;
  readonly width: number;
  readonly clip: Sample;
  readonly dino: Sample;
  readonly musiq: Sample;
  readonly pos: [number, number];
  readonly scale: number;
  readonly mask: number;
  readonly pillow: Sample & { width: number; height: number };
}
const goldens = JSON.parse(await readFile(new URL("goldens.json", import.meta.url), "utf8")) as Record<string, Golden>;

const colours = (height: number, width: number) =>
  frameOf(waves(height, width), waves(height, width, { kind: 1 }), waves(height, width, { kind: 2 }));

/** `level`: what one level of difference amounts to, for ties that torch rounds in f64 and Pillow in fixed point. */
function expectSample(data: ArrayLike<number>, { at, values, mean }: Sample, level: number): void {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]!;
  expect(Math.abs(sum / data.length - mean)).toBeLessThan(0.02 * level);
  const far = at.filter((place, i) => Math.abs(data[place]! - values[i]!) > 1e-4);
  expect(far.length).toBeLessThanOrEqual(1);
  for (const [i, place] of at.entries()) expect(Math.abs(data[place]! - values[i]!)).toBeLessThan(1.1 * level);
}

describe.each(Object.entries(goldens))("inputs of a %s picture", (_, golden) => {
  const frame = colours(golden.height, golden.width);

  test("CLIP's and DINO's, as torch resizes", () => {
    for (const [input, sample] of [
      [clipInput(frame), golden.clip],
      [dinoInput(frame), golden.dino],
    ] as const) {
      expect(input.shape).toEqual([1, ...sample.shape]);
      expectSample(input.data as Float32Array, sample, 1 / 255 / 0.22);
    }
  });

  test("MUSIQ's patches, places, scales and mask", () => {
    const { patches, pos, scale, mask } = musiqInput(([0, 1, 2] as const).map((channel) => channelOf(frame, channel)));
    expect(patches.shape).toEqual([1, ...golden.musiq.shape]);
    expectSample(patches.data as Float32Array, golden.musiq, 1e-4);
    const sum = (values: HostTensor, weigh = (_: number) => 1) =>
      Array.from(values.data as Int32Array).reduce((total, value, at) => total + weigh(at) * value, 0);
    expect([sum(pos), sum(pos, (at) => at)]).toEqual(golden.pos);
    expect([sum(scale), sum(mask)]).toEqual([golden.scale, golden.mask]);
  });

  test("Pillow's bicubic", () => {
    const { width, height } = golden.pillow;
    const data = ([0, 1, 2] as const).flatMap((channel) => [
      ...resample(channelOf(frame, channel), width, height, "pillowBicubic", { bytes: true }).data,
    ]);
    expectSample(data, golden.pillow, 1);
  });
});

test("MUSIQ at 2K has the tokens that its paper counts", () => {
  const plane = { width: 2560, height: 1440, data: new Float64Array(2560 * 1440) };
  expect(musiqInput([plane, plane, plane]).patches.shape).toEqual([1, 3793, 3072]);
});

test("imaging quality looks at 512 pixels at most", () => {
  expect(limitLongerSide(colours(300, 1000))[0]).toMatchObject({ width: 512, height: 153 });
  expect(limitLongerSide(colours(30, 100))[0]).toMatchObject({ width: 100, height: 30 });
});

describe("DOVER", () => {
  test("scores as intended, and as the published script crosses them", () => {
    const { intended, asPublished } = doverScores({ aesthetic: 0.1105, technical: -0.08272 });
    expect(100 * asPublished.aesthetic).toBeCloseTo(99.408, 2);
    expect(100 * asPublished.technical).toBeCloseTo(6.725, 2);
    expect(100 * intended.aesthetic).toBeCloseTo(49.9, 1);
    expect(100 * intended.technical).toBeCloseTo(50.1, 1);
  });

  test("views hold frames in order and fragments from their cells", () => {
    const frames = 70;
    const views = new DoverViews(frames, 3);
    for (let index = 0; index < frames; index++) views.take(greyFrame(index, 256, 240), index);
    const { aesthetic, technical } = views.tensors();
    const level = (value: number) => Math.round(value * 58.395 + 123.675) + 0;
    const at = (view: HostTensor, item: number, slot: number) =>
      level(view.data[((item * 3 * 32 + slot) * 224 + 100) * 224 + 100]!);
    expect([0, 1, 31].map((slot) => at(aesthetic, 0, slot))).toEqual([0, 2, 68]);
    expect([0, 1, 31].map((slot) => at(technical, 0, slot))).toEqual([0, 2, 62]);
    expect([0, 31].map((slot) => at(technical, 2, slot))).toEqual([46, (46 + 62) % 70]);
    const picture = colours(300, 400);
    const [a, b, c] = [3, 3, 4].map((seed) => {
      const one = new DoverViews(1, seed);
      one.take(picture, 0);
      return one.tensors().technical.data.slice(0, 224) as Float32Array;
    });
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
    // Top left place of the view: somewhere in the first cell of 57 x 42 pixels.
    const first = level(a![0]!);
    const cell = Array.from({ length: 11 * 26 }, (_, i) => picture.data[(Math.floor(i / 26) * 400 + (i % 26)) * 3]!);
    expect(cell).toContain(first);
  });
});

describe("adapters", () => {
  /** Means of the three channels: a network of three numbers. */
  const means: Network = {
    inputs: ["pixels"],
    outputs: ["embedding"],
    run: async ({ pixels }) => {
      const { data } = pixels!;
      const area = data.length / 3;
      const mean = (channel: number) => {
        let sum = 0;
        for (let at = 0; at < area; at++) sum += data[channel * area + at]!;
        return sum / area;
      };
      return { embedding: hostTensor(Float32Array.of(mean(0), mean(1), mean(2)), [1, 3]) };
    },
  };
  const figures = async (
    metric: LearnedMetric,
    frames = [greyFrame(40, 64, 64), greyFrame(200, 64, 64)],
    companions: Companions = {},
  ) => {
    const meter = openLearned(metric, means, companions, { name: "clip", frames: frames.length });
    for (const [index, frame] of frames.entries()) await meter.take(frame, index);
    return meter.figures();
  };

  test("consistency is the cosine between frames, never below 0", async () => {
    const same = await figures("vbench/background_consistency", [greyFrame(40, 64, 64), greyFrame(40, 64, 64)]);
    expect(same["vbench/background_consistency"]).toBeCloseTo(1, 6);
    expect((await figures("vbench/background_consistency"))["vbench/background_consistency"]).toBe(0);
    expect(await figures("vbench/subject_consistency", [greyFrame(1, 64, 64)])).toEqual({});
  });

  test("aesthetic quality is a linear head of the embedding's direction", async () => {
    const embedding = [0, 1, 2].map(
      (channel) => (clipInput(greyFrame(200, 64, 64)).data as Float32Array)[channel * 224 * 224]!,
    );
    const length = Math.hypot(...embedding);
    const head = { weights: [1, 2, 3], bias: 4 };
    const { "vbench/aesthetic_quality": value } = await figures("vbench/aesthetic_quality", [greyFrame(200, 64, 64)], {
      head,
    });
    expect(value).toBeCloseTo((4 + (embedding[0]! + 2 * embedding[1]! + 3 * embedding[2]!) / length) / 10, 5);
    await expect(figures("vbench/aesthetic_quality")).rejects.toThrow("head");
    await expect(figures("vbench/aesthetic_quality", undefined, { head: { weights: [1], bias: 0 } })).rejects.toThrow(
      "takes 1 numbers",
    );
  });

  test("CLIP-IQA is the softmax over a pair", async () => {
    const pairs: Companions["pairs"] = [
      [
        [1, 1, 1],
        [-1, -1, -1],
      ],
      [
        [1, 0, 0],
        [1, 0, 0],
      ],
    ];
    const { clipiqa } = await figures("clipiqa", [greyFrame(250, 64, 64)], { pairs });
    expect(clipiqa).toBeCloseTo(0.75, 3);
    await expect(figures("clipiqa")).rejects.toThrow("text embeddings");
  });

  test("overall consistency finds the text of a video by its name", async () => {
    const texts = { clip: [1, 1, 1] };
    await expect(figures("vbench/overall_consistency")).rejects.toThrow("no text embedding for clip");
    const { "vbench/overall_consistency": value } = await figures(
      "vbench/overall_consistency",
      [greyFrame(250, 64, 64)],
      { texts },
    );
    expect(Math.abs(value!)).toBeLessThanOrEqual(1);
  });
});
