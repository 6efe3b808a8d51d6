import { describe, expect, test } from "vitest";
import { InputError } from "../base/errors.ts";
import { gaussian } from "../base/philox.ts";
import type { Frame } from "../video/frame.ts";
import { linearCka } from "./cka.ts";
import { psnr } from "./psnr.ts";
import { msSsim, ssim } from "./ssim.ts";
import { boxes, cubics, frameOf, greyFrame, waves } from "./testing.ts";
import { difference, shareOf } from "./wilson.ts";
import { accuracyOf, formatAccuracy, promptAccuracy, RoundTripTally } from "./world.ts";

const flat = greyFrame;

describe("PSNR and SSIM", () => {
  const picture = waves(288, 384);
  const [truth, coarse, soft] = [picture, boxes(picture), cubics(picture)].map((plane) => frameOf(plane)) as [
    Frame,
    Frame,
    Frame,
  ];

  test("agree with published implementations on a fixed picture", () => {
    expect(psnr([truth], [coarse])).toBeCloseTo(28.130989, 4);
    expect(ssim([truth], [coarse])).toBeCloseTo(0.903384, 5);
    expect(msSsim([truth], [coarse])).toBeCloseTo(0.995445, 5);
    expect(psnr([truth], [soft])).toBeCloseTo(31.923386, 4);
    expect(ssim([truth], [soft])).toBeCloseTo(0.959966, 5);
  });

  test("are perfect for equal clips", () => {
    expect(psnr([truth, coarse], [truth, coarse])).toBe(Number.POSITIVE_INFINITY);
    expect(ssim([truth, coarse], [truth, coarse])).toBeCloseTo(1, 12);
  });

  test("PSNR pools the error of all frames, and looks only where the mask does", () => {
    const clip = [flat(100), flat(100)],
      other = [flat(100), flat(110)];
    expect(psnr(clip, other)).toBeCloseTo(10 * Math.log10(255 ** 2 / 50), 10);
    const mask = new Uint8Array(256);
    mask[7] = 2;
    expect(psnr(clip, other, [new Uint8Array(256), mask])).toBeCloseTo(10 * Math.log10(255 ** 2 / 100), 10);
    expect(psnr(clip, other, [mask, new Uint8Array(256)])).toBe(Number.POSITIVE_INFINITY);
    expect(psnr(clip, other, [new Uint8Array(256), new Uint8Array(256)])).toBeNaN();
  });

  test.each([
    ["no frames", [], []],
    ["another length", [flat(1)], [flat(1), flat(1)]],
    ["another size", [flat(1)], [flat(1, 8, 16)]],
  ])("refuse clips of %s", (_, a, b) => {
    expect(() => psnr(a, b)).toThrow(InputError);
    expect(() => ssim(a, b)).toThrow(InputError);
  });

  test("refuse masks of another size and frames too small for the window", () => {
    expect(() => psnr([flat(1)], [flat(1)], [new Uint8Array(3)])).toThrow(InputError);
    expect(() => psnr([flat(1)], [flat(1)], [])).toThrow(InputError);
    expect(() => ssim([flat(1, 8, 8)], [flat(1, 8, 8)])).toThrow(InputError);
    expect(() => msSsim([flat(1, 175, 300)], [flat(1, 175, 300)])).toThrow(InputError);
  });
});

describe("shares", () => {
  test("have Wilson intervals", () => {
    const half = shareOf(5, 10);
    expect(half.low).toBeCloseTo(0.2366, 4);
    expect(half.high).toBeCloseTo(0.7634, 4);
    const all = shareOf(60, 60);
    expect(all).toMatchObject({ rate: 1, high: 1 });
    expect(all.low).toBeCloseTo(0.9398, 4);
    expect(shareOf(0, 0)).toMatchObject({ low: 0, high: 1 });
  });

  test("differ by Newcombe's interval", () => {
    // Newcombe 1998, table II: 56/70 and 48/80.
    const { value, low, high } = difference(shareOf(56, 70), shareOf(48, 80));
    expect(value).toBeCloseTo(0.2, 10);
    expect(low).toBeCloseTo(0.0524, 4);
    expect(high).toBeCloseTo(0.3339, 4);
  });
});

describe("caption accuracy", () => {
  /** A world of one attribute: how light a clip is. */
  const judge = (expected: { light: boolean; flat?: boolean }, frames: readonly Frame[]) => ({
    light: frames[0]!.data[0]! > 127 === expected.light,
    flat: expected.flat === undefined ? undefined : expected.flat,
  });

  test("counts each attribute over the clips that ask for it", () => {
    const table = accuracyOf([
      { shape: true, colour: true },
      { shape: true, colour: false, relation: undefined },
      { shape: false },
      { shape: true, relation: true },
    ]);
    expect(table.clips).toBe(4);
    expect(table.attributes["shape"]).toMatchObject({ right: 3, asked: 4 });
    expect(table.attributes["colour"]).toMatchObject({ right: 1, asked: 2 });
    expect(table.attributes["relation"]).toMatchObject({ right: 1, asked: 1 });
    expect(table.joint).toMatchObject({ right: 2, asked: 4 });
    expect(table.mean).toBeCloseTo((0.75 + 0.5 + 1) / 3, 12);
    expect(formatAccuracy(table)).toMatch(
      /^shape +75\.0 %.*3\/4\n.*\n.*\nall of a clip +50\.0 %.*2\/4\n4 clips; 95 % intervals$/,
    );
  });

  test("judges frames against prompts", () => {
    const table = promptAccuracy(
      [
        { expected: { light: true }, frames: [flat(200)] },
        { expected: { light: true, flat: true }, frames: [flat(3)] },
      ],
      judge,
    );
    expect(table.attributes["light"]).toMatchObject({ right: 1, asked: 2 });
    expect(table.attributes["flat"]).toMatchObject({ right: 1, asked: 1 });
  });

  test("says what a codec costs", () => {
    const masks = [new Uint8Array(256).fill(1)];
    const tally = new RoundTripTally(judge);
    for (const value of [200, 220, 40, 130])
      tally.take({ expected: { light: value > 127 }, truth: [flat(value)], trip: [flat(value - 5)], masks });
    const report = tally.result();
    expect(report.truth.joint.rate).toBe(1);
    expect(report.trip.joint.rate).toBe(0.75);
    expect(report.lost["light"]!.points).toBeCloseTo(25, 10);
    expect(report.lost["joint"]!.low).toBeLessThan(25);
    expect(report.lost["joint"]!.n).toBe(4);
    expect(report.psnr.value).toBeCloseTo(10 * Math.log10(255 ** 2 / 25), 10);
    expect(report.bodyPsnr.value).toBeCloseTo(report.psnr.value, 10);
    expect(report.ssim.value).toBeLessThan(1);
    expect(report.ssim).toMatchObject({ n: 4, low: expect.any(Number), high: expect.any(Number) });
    expect(report.ssim.low).toBeLessThan(report.ssim.value);
  });
});

describe("centred kernel alignment", () => {
  const random = (name: string, n: number) => gaussian(n, 3, name);

  test("sees through rotation, scale and shift", () => {
    const a = random("a", 60);
    // Columns turned by 30°, doubled, moved.
    const [c, s] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
    const b = a.map((_, i) => {
      const row = 2 * Math.floor(i / 2);
      return 5 + 2 * (i % 2 ? s * a[row]! + c * a[row + 1]! : c * a[row]! - s * a[row + 1]!);
    });
    expect(linearCka({ width: 2, data: a }, { width: 2, data: b })).toBeCloseTo(1, 5);
  });

  test("of unrelated features is small, by either way of computing", () => {
    const [narrow, wide] = [
      { width: 3, data: random("b", 1200) },
      { width: 4, data: random("c", 1600) },
    ];
    expect(linearCka(narrow, wide)).toBeLessThan(0.05);
    // 20 places of 30 features: Gram matrices are smaller.
    const [x, y] = [
      { width: 30, data: random("d", 600) },
      { width: 30, data: random("e", 600) },
    ];
    expect(linearCka(x, x)).toBeCloseTo(1, 6);
    expect(linearCka(x, y)).toBeLessThan(linearCka(x, x));
  });
});
