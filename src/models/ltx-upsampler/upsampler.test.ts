import { expect, test } from "vitest";
import { sizeOf } from "../../tensor/dtype.ts";
import { parametersOf } from "../../tensor/mount.ts";
import { fromDiffusers, ltxUpsampler, toDiffusers } from "./config.ts";
import { LatentUpsampler } from "./upsampler.ts";

test("has the published number of parameters", () => {
  const sizes = [...parametersOf(new LatentUpsampler(ltxUpsampler)).values()].map(({ shape }) => sizeOf(shape));
  expect(sizes.reduce((a, b) => a + b)).toBe(126_250_624);
});

test("keeps its settings as a diffusers config; others are refused", () => {
  expect(fromDiffusers(toDiffusers(ltxUpsampler))).toEqual(ltxUpsampler);
  expect(fromDiffusers({})).toEqual(ltxUpsampler);
  for (const change of [{ dims: 2 }, { mid_channels: 100 }, { spatial_upsample: false }])
    expect(() => fromDiffusers(change)).toThrow(
      /^the latent upsampler's settings: .*(dims|mid_channels|spatial_upsample)/,
    );
});
