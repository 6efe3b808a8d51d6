import { describe, expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { ltx2b, ltx13b } from "../models/ltx/config.ts";
import { publishedVaes } from "../models/ltx-vae/published.ts";
import { t5xxl } from "../models/t5/encoder.ts";
import { distilledSigmas, ltxReleases } from "./ltx-releases.ts";
import { defaultSigmas, guidanceOf, settingsSchema } from "./model.ts";
import { type Evidence, recognise, versionIn } from "./recognise.ts";

const early: Evidence = { transformer: ltx2b, vae: publishedVaes["0.9.0"], text: t5xxl, names: [] };
const late: Evidence = { ...early, vae: publishedVaes["0.9.5"] };
const large: Evidence = { ...late, transformer: ltx13b };
const shifted = { kind: "dynamic-shift", base: "even", clamp: false, terminal: 0.1 } as const;

describe("a release is told by its parts, then by names", () => {
  test.each([
    [early, "LTX-Video 2B 0.9.0", false],
    [{ ...early, vae: publishedVaes["0.9.1"] }, "LTX-Video 2B 0.9.1", false],
    [late, "LTX-Video 2B 0.9.5 or later", true],
    [{ ...late, names: ["models", "LTX-Video-0.9.5"] }, "LTX-Video 2B 0.9.5", true],
    [{ ...late, names: ["ltxv-2b-0.9.6-dev-04-25.safetensors"] }, "LTX-Video 2B 0.9.6-dev", true],
    [{ ...late, names: ["ltxv-2b-0.9.6-distilled-04-25.safetensors"] }, "LTX-Video 2B 0.9.6-distilled", true],
    [{ ...late, names: ["ltxv-2b-0.9.8-distilled.safetensors"] }, "LTX-Video 2B 0.9.8-distilled", true],
    [large, "LTX-Video 13B 0.9.7-dev or later", true],
    [{ ...large, names: ["LTX-Video-0.9.7-distilled"] }, "LTX-Video 13B 0.9.7-distilled", true],
    [{ ...large, names: ["ltxv-13b-0.9.8-dev.safetensors"] }, "LTX-Video 13B 0.9.8-dev", true],
    [{ ...large, names: ["x"], allowedSigmas: distilledSigmas }, "LTX-Video 13B 0.9.7-distilled or later", true],
  ] satisfies [Evidence, string, boolean][])("%#", (evidence, name, causal) => {
    const known = recognise(evidence);
    expect([known.name, known.causalPositions]).toEqual([name, causal]);
    expect(settingsSchema.parse(known.settings)).toEqual(known.settings);
  });

  test("versions in names", () => {
    expect(versionIn("ltx-video-2b-v0.9.safetensors")).toBe("0.9.0");
    expect(versionIn("ltx-video-2b-v0.9.1.safetensors")).toBe("0.9.1");
    expect(versionIn("models--Lightricks--LTX-Video-0.9.5")).toBe("0.9.5");
    expect(versionIn("model-0.9.5")).toBeUndefined();
    expect(versionIn("ltx-10.9")).toBeUndefined();
  });

  test("the transformer's own word on positions goes before the autoencoder's generation", () => {
    expect(recognise({ ...late, transformer: { ...ltx2b, causalPositions: false } }).causalPositions).toBe(false);
  });
});

describe("what does not belong together is refused with the reason", () => {
  test.each([
    [{ ...early, transformer: ltx13b }, /13B transformer needs the autoencoder of 0\.9\.5/],
    [{ ...early, transformer: { ...ltx2b, causalPositions: true } }, /counts time as 0\.9\.5/],
    [{ ...early, text: { ...t5xxl, width: 1024 } }, /text of width 4096, the text encoder's is 1024/],
    [{ ...early, vae: { ...publishedVaes["0.9.0"], latentChannels: 16 } }, /128 channels, the autoencoder's have 16/],
    [{ ...early, era: { late: true, because: "the pipeline is LTXConditionPipeline" } }, /LTXConditionPipeline, so/],
    [{ ...late, era: { late: false, because: "the scheduler shifts" } }, /it is that of 0\.9\.5 or later/],
  ] satisfies [Evidence, RegExp][])("%#", (evidence, reason) => {
    const attempt = () => recognise(evidence);
    expect(attempt).toThrow(CheckpointError);
    expect(attempt).toThrow(reason);
    try {
      attempt();
    } catch (error) {
      expect((error as CheckpointError).exitCode).toBe(3);
    }
  });
});

describe("defaults per version", () => {
  const of = (version: string, size = "2B") =>
    ltxReleases.find((release) => release.version === version && release.size === size)!.settings;

  test("text length, masks, decode noise and guidance of both codes", () => {
    expect(ltxReleases.map(({ settings }) => settings.original.textLength)).toEqual([128, 128, ...Array(8).fill(256)]);
    expect(ltxReleases.map(({ settings }) => settings.diffusers.textLength)).toEqual([128, 128, ...Array(8).fill(256)]);
    // LTXPipeline lets the encoder attend to padding, LTXConditionPipeline and the original do not.
    expect(ltxReleases.map(({ settings }) => settings.original.maskText ?? true)).not.toContain(false);
    expect(of("0.9.1").diffusers.maskText).toBe(false);
    expect(of("0.9.5").diffusers.maskText).toBe(true);
    expect(of("0.9.0").original.decode).toBeUndefined();
    expect(of("0.9.1").original.decode).toEqual({ timestep: 0.05, noise: 0.025, space: "normalised" });
    expect(of("0.9.1").diffusers.decode).toEqual({ timestep: 0.05, noise: 0.025, space: "raw" });
    expect(of("0.9.0").original.guidance).toEqual([{ from: 0, scale: 3, stg: 1, blocks: [19], rescale: 0.7 }]);
    expect(of("0.9.0").diffusers).toMatchObject({ steps: 50, guidanceScale: 3 });
    expect(of("0.9.0").diffusers.guidance).toBeUndefined();
  });

  test("published schedules: unclamped, but clamped where f32 gives no numbers", () => {
    const settings = { name: "", ...of("0.9.0").original };
    const at = (tokens: number) => defaultSigmas(settings, 20, tokens);
    // S = 20, N = 25,200, unclamped: 0.810, 0.731, 0.573, 0.100.
    expect(
      at(25_200)
        .slice(-5, -1)
        .map((sigma) => Number(sigma.toFixed(3))),
    ).toEqual([0.81, 0.731, 0.573, 0.1]);
    expect(at(57_600)).toEqual(at(4096));
    expect(at(57_600).every(Number.isFinite)).toBe(true);
  });

  test("noise levels from files go before the release's own, and distilled ones before a schedule", () => {
    const named = (names: string[], more: Partial<Evidence> = {}) => recognise({ ...late, names, ...more }).settings;
    expect(defaultSigmas(named(["ltxv-2b-0.9.8-distilled"]), undefined, 4096)).toEqual([...distilledSigmas, 0]);
    expect(defaultSigmas(named(["ltxv-2b-0.9.8-distilled"]), 4, 4096)).toHaveLength(5);
    expect(named([], { schedule: shifted }).schedule).toEqual(shifted);
    expect(named([]).schedule).toEqual({ kind: "linear-quadratic" });
    const levels = defaultSigmas(named(["ltxv-2b-0.9.6-distilled"]), undefined, 4096);
    expect(Math.max(...levels.map((sigma, i) => Math.abs(sigma - [...distilledSigmas, 0][i]!)))).toBeLessThan(1e-4);
    expect(named(["ltxv-2b-0.9.6-distilled"]).sampler).toBe("stochastic");
    // LTXConditionPipeline sets noise levels itself.
    expect(recognise({ ...late, schedule: shifted }, "diffusers").settings.schedule).toEqual({
      kind: "linear-quadratic",
    });
  });

  test("what a request asks of guidance replaces it at every noise level", () => {
    const settings = { name: "", ...of("0.9.8-dev", "13B").original };
    expect(guidanceOf(settings, {}).map(({ scale }) => scale)).toEqual([1, 1, 6, 8, 6, 1, 1]);
    expect(guidanceOf(settings, {}).map(({ stg = 0 }) => stg)).toEqual([0, 0, 4, 4, 4, 2, 1]);
    const asked = guidanceOf(settings, { guidanceScale: 3, stgScale: 0 });
    expect(asked.every(({ scale, stg }) => scale === 3 && stg === 0)).toBe(true);
  });
});
