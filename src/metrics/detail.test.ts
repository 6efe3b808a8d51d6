import { describe, expect, test } from "vitest";
import { agreementOf } from "./agreement.ts";
import { blockiness, laplacianVariance, novelBand, Spectrum, spectrumOf, tenengrad } from "./detail.ts";
import { Fourier } from "./fft.ts";
import { type Luma, lumaOf } from "./plane.ts";
import { resample } from "./resample.ts";
import { boxes, cubics, frameOf, greyFrame, waves } from "./testing.ts";

const picture = waves(288, 384),
  coarse = boxes(picture),
  soft = cubics(picture);

const spectrum = (plane = picture) => {
  const out = new Spectrum(96);
  out.take(plane);
  return out;
};
const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

test("the pictures are the ones that the figures below were computed of", () => {
  expect([...picture.data.subarray(0, 6)]).toEqual([156, 152, 142, 125, 107, 98]);
  expect([picture, coarse, soft].map(({ data }) => sum(data))).toEqual([14162431, 14176336, 14176364]);
});

test("MATLAB's halving", () => {
  const half = resample(picture, 192, 144, "matlabBicubic");
  for (const [at, value] of [161.397812, 139.008804, 108.345184, 110.16507].entries())
    expect(half.data[at]).toBeCloseTo(value, 5);
  expect(sum(half.data) / half.data.length).toBeCloseTo(128.060176, 5);
});

test.each([
  ["rgb2gray", 129.391493],
  ["yiq", 129.391276],
  ["ycbcr", 127.119575],
] as [Luma, number][])("mean grey by %s", (variant, mean) => {
  const frame = frameOf(waves(96, 96), waves(96, 96, { kind: 1 }), waves(96, 96, { kind: 2 }));
  expect(sum(lumaOf(frame, variant).data) / 96 ** 2).toBeCloseTo(mean, 5);
});

describe("Fourier transforms", () => {
  test.each([1, 2, 7, 12, 96, 128])("of length %i are the sums of their definition", (n) => {
    const re = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i)),
      im = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i));
    const [a, b] = [re.slice(), im.slice()];
    new Fourier(n).transform(a, b);
    for (let k = 0; k < n; k++) {
      let [x, y] = [0, 0];
      for (let i = 0; i < n; i++) {
        const [cos, sin] = [Math.cos((2 * Math.PI * i * k) / n), Math.sin((2 * Math.PI * i * k) / n)];
        x += re[i]! * cos + im[i]! * sin;
        y += im[i]! * cos - re[i]! * sin;
      }
      expect(a[k]).toBeCloseTo(x, 9);
      expect(b[k]).toBeCloseTo(y, 9);
    }
  });
});

describe("detail", () => {
  test("of the sharp picture", () => {
    const all = spectrum();
    expect(all.tiles).toBe(12);
    expect(all.ratio(0.25)).toBeCloseTo(0.0293921, 7);
    expect(all.rms(0.25)).toBeCloseTo(6.17306, 5);
    expect(all.rms(0.1875)).toBeCloseTo(6.471592, 5);
    expect(all.rms(0)).toBeCloseTo(36.006851, 5);
  });

  test("block edges raise it and a cubic lowers it, which is why it never stands alone", () => {
    expect(spectrum(coarse).rms(0.25)).toBeCloseTo(8.006205, 5);
    expect(spectrum(soft).rms(0.25)).toBeCloseTo(1.29715, 5);
  });

  test("is taken over all frames of a clip, in tiles that fit", () => {
    expect(spectrumOf([frameOf(picture), frameOf(picture)]).tiles).toBe(2);
    expect(spectrumOf([frameOf(picture), frameOf(coarse)], 96).tiles).toBe(24);
    expect(() => spectrumOf([greyFrame(1)])).toThrow("at least 32x32");
  });

  test("slope of power that falls with the square of frequency", () => {
    const all = new Spectrum(64);
    const frequency = (k: number) => Math.min(k, 64 - k) / 64;
    for (let at = 1; at < all.power.length; at++)
      all.power[at] = Math.round(64 * Math.hypot(frequency(at >> 6), frequency(at % 64))) ** -2;
    expect(all.slope()).toBeCloseTo(2, 9);
  });

  test("what a stage of 544 rows cannot hand to one of 1440", () => {
    expect(novelBand(544, 1440)).toBeCloseTo(0.1889, 4);
  });

  test("Laplacian and Sobel", () => {
    expect(laplacianVariance(picture)).toBeCloseTo(1064.906862, 4);
    expect(laplacianVariance(coarse)).toBeCloseTo(961.96606, 4);
    expect(laplacianVariance(soft)).toBeCloseTo(79.30472, 4);
    expect(tenengrad({ width: 3, height: 3, data: Float64Array.of(0, 0, 1, 0, 0, 1, 0, 0, 1) })).toBe(16);
  });

  test("the grid of an autoencoder", () => {
    expect(blockiness(picture, 32)).toBeCloseTo(0.998878, 6);
    expect(blockiness(picture, 8)).toBeCloseTo(1.014009, 6);
    expect(blockiness(coarse, 2)).toBeGreaterThan(100);
  });
});

describe("agreement of two resolutions", () => {
  const low = frameOf(resample(picture, 192, 144, "bilinear"));

  test("is perfect for the same picture", () => {
    const { ssim, edges, lowBandPsnr } = agreementOf(low, low);
    expect(ssim).toBeCloseTo(1, 12);
    expect(edges).toBeCloseTo(1, 12);
    expect(lowBandPsnr).toBe(Number.POSITIVE_INFINITY);
  });

  test("outlives sharper detail, and not another picture", () => {
    const same = agreementOf(low, frameOf(picture)),
      other = agreementOf(low, frameOf(waves(288, 384, { kind: 5 })));
    expect(same.ssim).toBeGreaterThan(0.99);
    expect(same.edges).toBeGreaterThan(0.99);
    expect(same.lowBandPsnr).toBeGreaterThan(50);
    expect(other.ssim).toBeLessThan(0.5);
    expect(other.lowBandPsnr).toBeLessThan(20);
  });

  test("looks at the low band where it says so", () => {
    const fine = { ...picture, data: picture.data.map((value, at) => value + (at % 2 ? 8 : -8)) };
    expect(agreementOf(frameOf(picture), frameOf(fine)).lowBandPsnr).toBeGreaterThan(60);
    expect(() => agreementOf(frameOf(picture), low)).toThrow("not the lower resolution");
  });
});
