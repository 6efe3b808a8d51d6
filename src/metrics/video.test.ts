import { describe, expect, test } from "vitest";
import { Random } from "../base/philox.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import type { Frame } from "../video/frame.ts";
import { coherentDetail } from "./coherent.ts";
import { ConsistencyMeter } from "./consistency.ts";
import { flowOf, topMotion } from "./flow.ts";
import { middleFrames } from "./frame-picker.ts";
import { frechet, frechetInfinity, gaussianOf, kid } from "./frechet.ts";
import { Meters, measure } from "./meter.ts";
import { DynamicsMeter, midFrame, SmoothnessMeter, StillnessMeter } from "./motion.ts";
import { halfToEven, type Plane } from "./plane.ts";
import { RandomFeatures } from "./random-features.ts";
import { DefectMeter, FlickerMeter, meanAbsolute, seamRatio } from "./temporal.ts";
import { frameOf, greyFrame, waves } from "./testing.ts";
import { clipSeconds, fuseConsistency, mapClipScore, splitClips } from "./vbench-long.ts";
import { WarpMeter } from "./warp-error.ts";

const eight = Array.from({ length: 8 }, (_, time) => frameOf(waves(288, 384, { time })));

/** A texture without period, moved by whole pixels. */
function texture(dx: number, dy: number, { width = 192, height = 128, blur = 2 } = {}): Frame {
  const field = (x: number, y: number) => new Random(x * 7919 + y, 5).uniform();
  const coarse = new Map<string, number>();
  const at = (x: number, y: number) => {
    const key = `${x},${y}`;
    if (!coarse.has(key)) coarse.set(key, field(x + 5000, y + 5000));
    return coarse.get(key)!;
  };
  const data = Float64Array.from({ length: width * height }, (_, pixel) => {
    const [x, y] = [((pixel % width) - dx) / blur, (Math.floor(pixel / width) - dy) / blur];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - left, y - top];
    const mix =
      (1 - v) * ((1 - u) * at(left, top) + u * at(left + 1, top)) +
      v * ((1 - u) * at(left, top + 1) + u * at(left + 1, top + 1));
    return Math.round(30 + 190 * mix);
  });
  return frameOf({ width, height, data } satisfies Plane);
}
const moving = (count: number, dx: number, dy: number) =>
  Array.from({ length: count }, (_, time) => texture(dx * time, dy * time, { blur: 4 }));

describe("from frame to frame", () => {
  test("flicker as VBench scores it", () => {
    expect(meanAbsolute(eight[0]!, eight[1]!)).toBeCloseTo(19.979266, 6);
    expect(measure(eight, new FlickerMeter())["temporal_mae"]).toBeCloseTo(0.921540194, 8);
    expect(measure([greyFrame(1)], new FlickerMeter())).toEqual({});
  });

  test("smoothness by blending", () => {
    expect(measure(eight, new SmoothnessMeter())["wf/smooth_blend"]).toBeCloseTo(0.972529327, 8);
  });

  test("defects", () => {
    const frames = [10, 10, 10, 12, 200, 202, 0, 0, 255].map((level) => greyFrame(level));
    const figures = measure(frames, new DefectMeter(8));
    expect(figures["wf/frozen"]).toBeCloseTo(3 / 8, 12);
    expect(figures["wf/black"]).toBeCloseTo(2 / 9, 12);
    expect(figures["wf/white"]).toBeCloseTo(1 / 9, 12);
    expect(figures["wf/cuts"]).toBe(3);
    expect(
      measure(
        [0, 2, 4, 6].map((level) => greyFrame(level)),
        new DefectMeter(8),
      )["wf/drift"],
    ).toBeCloseTo(16, 9);
  });

  test("seams of chunks", () => {
    const frames = [0, 2, 4, 20, 22, 24, 40, 42].map((level) => greyFrame(level));
    expect(seamRatio(frames, 3)).toBe(8);
    expect(() => new Meters([new FlickerMeter()]).take(greyFrame(1))).not.toThrow();
    const meters = new Meters([new FlickerMeter()]);
    meters.take(greyFrame(1));
    expect(() => meters.take(greyFrame(1, 8, 8))).toThrow("must have one size");
  });
});

describe("flow", () => {
  test.each([
    [0, 0],
    [3, -2],
    [-14, 9],
    [30, 4],
  ])("of a texture moved by %i, %i", (dx, dy) => {
    const flow = flowOf(
      texture(0, 0, { blur: 4, width: 256, height: 192 }),
      texture(dx, dy, { blur: 4, width: 256, height: 192 }),
    );
    const inner = Array.from(flow.vx, (vx, at) => ({
      vx,
      vy: flow.vy[at]!,
      column: at % flow.across,
      row: Math.floor(at / flow.across),
    })).filter(({ column, row }) => column > 5 && column < flow.across - 6 && row > 3 && row < flow.down - 4);
    const right = inner.filter(({ vx, vy }) => Math.hypot(vx - dx, vy - dy) < 0.5);
    expect(right.length / inner.length).toBeGreaterThan(0.9);
    expect(topMotion(flow, 0.5)).toBeCloseTo(Math.hypot(dx, dy), 0);
  });

  test("does not trust flat blocks", () => {
    const flow = flowOf(greyFrame(9, 64, 64), greyFrame(9, 64, 64));
    expect(flow.reliable.every((value) => value === 0)).toBe(true);
    expect(topMotion(flow, 0.05)).toBe(0);
  });

  test("finds the frame between two where blending does not", () => {
    const [a, b, c] = moving(3, 6, 4) as [Frame, Frame, Frame];
    const between = { ...b, data: midFrame(a, c) };
    const blend = { ...b, data: a.data.map((value, at) => (value + c.data[at]!) >> 1) };
    expect(meanAbsolute(b, between)).toBeLessThan(0.35 * meanAbsolute(b, blend));
    const figures = measure(moving(5, 6, 4), new SmoothnessMeter());
    expect(figures["wf/smooth_mc"]).toBeGreaterThan(figures["wf/smooth_blend"]!);
  });

  test("tells moving from still video, and steady from shaking", () => {
    const dynamics = (frames: Frame[]) => measure(frames, new DynamicsMeter(8));
    expect(dynamics(moving(4, 9, 0))).toMatchObject({ "wf/dynamic_degree": 1 });
    expect(dynamics(moving(4, 9, 0))["wf/motion"]).toBeCloseTo(9, 0);
    expect(dynamics(moving(4, 1, 0))["wf/dynamic_degree"]).toBe(0);
    const shaking = [0, 5, -3, 6].map((dx) => texture(dx, 0, { blur: 4 }));
    expect(dynamics(shaking)["wf/jerk"]).toBeGreaterThan(3 * dynamics(moving(4, 5, 0))["wf/jerk"]!);
    expect(dynamics(moving(2, 0, 0))["wf/dynamic_degree"]).toBe(1); // as VBench: nothing is needed of two frames
    const still = (frames: Frame[]) => measure(frames, new StillnessMeter())["wf/static"];
    expect(still(moving(4, 0, 0))).toBe(1);
    expect(still(moving(4, 7, 0))).toBe(0);
  });

  test("warping error is small where everything moves together", () => {
    const steady = measure(moving(3, 4, 2), new WarpMeter());
    const noisy = measure(
      moving(3, 4, 2).map((frame, at) => ({
        ...frame,
        data: frame.data.map((value, i) => value + ((i * 31 + at * 17) % 23)),
      })),
      new WarpMeter(),
    );
    expect(steady["wf/warp_error"]).toBeLessThan(1);
    expect(noisy["wf/warp_error"]).toBeGreaterThan(2 * steady["wf/warp_error"]!);
    expect(steady["wf/warp_error_long"]).toBeLessThan(2);
  });
});

test("coherent detail counts what moves along and not noise", () => {
  const fine = (dx: number) => texture(dx, 0, { blur: 2 });
  const noise = (seed: number) => {
    const random = new Random(seed, 3);
    const base = texture(0, 0, { blur: 16 });
    return {
      ...base,
      data: base.data.map((value, at) => (at % 3 ? value : Math.max(0, Math.min(255, value + 40 * random.normal())))),
    };
  };
  expect(coherentDetail(fine(0), fine(2), 0.125)).toBeGreaterThan(3);
  expect(coherentDetail(noise(1), noise(2), 0.125)).toBeLessThan(1.5);
});

test("consistency is 1 of a still video and falls with another picture", () => {
  const other = frameOf(waves(288, 384, { kind: 7 }), waves(288, 384), waves(288, 384, { kind: 3 }));
  expect(measure([eight[0]!, eight[0]!, eight[0]!], new ConsistencyMeter())["wf/consistency"]).toBeCloseTo(1, 12);
  const cut = measure([eight[0]!, other, eight[0]!], new ConsistencyMeter())["wf/consistency"]!;
  expect(cut).toBeLessThan(measure(eight.slice(0, 3), new ConsistencyMeter())["wf/consistency"]!);
});

describe("distances between sets", () => {
  const normal = (count: number, { mean = 0, seed = 1 } = {}) => {
    const random = new Random(seed, count);
    return Array.from({ length: count }, () => Float64Array.from({ length: 6 }, () => mean + random.normal()));
  };

  test("Fréchet between two Gaussians", () => {
    const a = { mean: Float64Array.of(0, 0), covariance: Float64Array.of(1, 0, 0, 1) };
    const b = { mean: Float64Array.of(1, 2), covariance: Float64Array.of(4, 0, 0, 9) };
    expect(frechet(a, b)).toBeCloseTo(10, 12);
    expect(frechet(b, b)).toBeCloseTo(0, 12);
    expect(gaussianOf([Float64Array.of(1, 2), Float64Array.of(3, 6)])).toEqual({
      mean: Float64Array.of(2, 4),
      covariance: Float64Array.of(2, 4, 4, 8),
    });
  });

  test("Fréchet without the bias of small samples", () => {
    let [biased, free] = [0, 0];
    for (let seed = 0; seed < 10; seed++) {
      const [a, b] = [normal(120, { seed }), normal(120, { seed: 100 + seed })];
      biased += frechet(gaussianOf(a), gaussianOf(b)) / 10;
      free += frechetInfinity(a, b) / 10;
    }
    expect(Math.abs(free)).toBeLessThan(0.3 * biased);
    expect(frechetInfinity(normal(120), normal(120, { seed: 3, mean: 1 }))).toBeGreaterThan(4);
  });

  test("kernel distance is unbiased, and exact on two points", () => {
    const of = (...rows: number[][]) => rows.map((row) => Float64Array.from(row));
    // k(x, y) = (x y + 1)³: within a 1, within b 8 · 8 / 8... by hand: a = {0, 0}, b = {1, 1}.
    expect(kid(of([0], [0]), of([1], [1])).value).toBeCloseTo(1 + 8 - 2 * 1, 12);
    const same = kid(normal(300, { seed: 4 }), normal(300, { seed: 5 }), { size: 100, subsets: 40 });
    expect(Math.abs(same.value)).toBeLessThan(4 * same.error + 0.05);
    expect(kid(normal(100), normal(100, { mean: 1, seed: 9 })).value).toBeGreaterThan(1);
  });

  test("random features grow apart with blur, noise and shuffled frames", async () => {
    const features = new RandomFeatures(openOrt(), [0, 1]);
    const clip = (seed: number, change: (frames: Frame[]) => Frame[] = (frames) => frames) =>
      features.of(
        change(
          Array.from({ length: 8 }, (_, t) => texture(3 * t + 40 * seed, seed * 9, { width: 48, height: 32, blur: 4 })),
        ),
      );
    const rows = async (first: number, change?: (frames: Frame[]) => Frame[]) =>
      Promise.all(Array.from({ length: 12 }, async (_, at) => (await clip(first + at, change))[0]!));
    const real = await rows(0);
    expect(real[0]!.length).toBe(128);
    expect(await clip(0)).toEqual(await clip(0));
    const distance = async (change?: (frames: Frame[]) => Frame[]) => kid(real, await rows(20, change)).value;
    const noisy = (strength: number) => (frames: Frame[]) =>
      frames.map((frame, t) => {
        const random = new Random(t, 11);
        return {
          ...frame,
          data: Uint8Array.from(frame.data, (value) => Math.max(0, Math.min(255, value + strength * random.normal()))),
        };
      });
    const [clean, some, much] = [await distance(), await distance(noisy(15)), await distance(noisy(40))];
    expect(some).toBeGreaterThan(clean);
    expect(much).toBeGreaterThan(some);
    expect(await distance((frames) => [0, 5, 2, 7, 1, 4, 3, 6].map((at) => frames[at]!))).toBeGreaterThan(clean);
    await features.dispose();
  });
});

describe("VBench-Long", () => {
  test.each([
    [
      121,
      24,
      [
        [0, 48],
        [48, 96],
        [73, 121],
      ],
    ],
    [
      49,
      8,
      [
        [0, 16],
        [16, 32],
        [32, 48],
        [33, 49],
      ],
    ],
    [
      129,
      24,
      [
        [0, 48],
        [48, 96],
        [81, 129],
      ],
    ],
    [
      204,
      24,
      [
        [0, 48],
        [48, 96],
        [96, 144],
        [144, 192],
        [156, 204],
      ],
    ],
    [30, 24, [[0, 30]]],
    [
      96,
      24.9,
      [
        [0, 48],
        [48, 96],
      ],
    ],
  ])("%i frames at %d a second", (frames, fps, clips) => {
    expect(splitClips(frames, fps)).toEqual(clips);
  });

  test("the published shares of dynamic videos tell how many clips a model's videos had", () => {
    // Turbo2K, Table 1: 587 of 3 clips x 360 videos for LTX's 121 frames at 25; no count of 5 clips gives 54.35 %.
    const clips = splitClips(121, 25).length;
    expect((100 * 587) / (360 * clips)).toBeCloseTo(54.35, 2);
    const five = 360 * splitClips(204, 24).length;
    expect(Array.from({ length: five }, (_, hits) => ((100 * hits) / five).toFixed(2))).not.toContain("54.35");
  });

  test("long clips for actions and whole prompts", () => {
    expect([clipSeconds("human_action"), clipSeconds("scene")]).toEqual([10, 2]);
  });

  test("likeness between clips is mapped and fused", () => {
    expect(mapClipScore(0.875, "subject")).toBeCloseTo(0.9874467, 6);
    expect(fuseConsistency(0.9677, 0.875, "subject")).toBeCloseTo(0.9775733, 6);
    expect(fuseConsistency(0.9677, undefined, "subject")).toBe(0.9677);
    for (const dimension of ["subject", "background"] as const) {
      expect([mapClipScore(0, dimension), mapClipScore(1, dimension)]).toEqual([0, 1]);
      for (let at = 0; at < 100; at++)
        expect(mapClipScore((at + 1) / 100, dimension)).toBeGreaterThan(mapClipScore(at / 100, dimension));
    }
    expect(() => mapClipScore(1.2, "subject")).toThrow("from 0 to 1");
  });
});

test("frames from the middles of parts", () => {
  expect(middleFrames(121, 8)).toEqual([7, 22, 37, 52, 67, 82, 97, 112]);
  expect(middleFrames(3, 5)).toEqual([0, 1, 2, 2, 2]);
});

test("halves round to even", () => {
  expect([0.5, 1.5, 2.5, 2.4, 3.5].map(halfToEven)).toEqual([0, 2, 2, 2, 4]);
});
