import { describe, expect, test } from "vitest";
import { planProgram } from "../../runtimes/null/null.ts";
import { sizeOf } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import { input } from "../../tensor/tensor.ts";
import { goldenJson } from "../../testing/goldens.ts";
import { compression, fromDiffusers, type LtxVaeConfig, toDiffusers } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { fromOriginal } from "./original.ts";
import { generationOf, publishedVaes, type VaeGeneration, vaeGenerations } from "./published.ts";
import { LtxVae } from "./vae.ts";
import { diffusersName, isStatistic, originalNames } from "./weights.ts";

/** The block lists of the published files. */
const resnets = (layers: number, injectNoise = false) => ["res_x", { num_layers: layers, inject_noise: injectNoise }];
const up = ["compress_all", { residual: true, multiplier: 2 }];
const common = { latent_channels: 128, norm_layer: "pixel_norm", patch_size: 4, latent_log_var: "uniform" };
const strided = [
  ["res_x", 4],
  ["compress_all", 1],
  ["res_x_y", 1],
  ["res_x", 3],
  ["compress_all", {}],
  ["res_x_y", 1],
  ["res_x", 3],
  ["compress_all", 1],
  ["res_x", 3],
  ["res_x", 4],
];
const originals: Record<VaeGeneration, Record<string, unknown>> = {
  "0.9.0": { ...common, blocks: strided, causal_decoder: false },
  "0.9.1": {
    ...common,
    encoder_blocks: strided,
    decoder_blocks: [resnets(5, true), up, resnets(6, true), up, resnets(7, true), up, resnets(8)],
    timestep_conditioning: true,
  },
  "0.9.5": {
    ...common,
    encoder_blocks: [
      resnets(4),
      ["compress_space_res", { multiplier: 2 }],
      resnets(6),
      ["compress_time_res", { multiplier: 2 }],
      resnets(6),
      ["compress_all_res", { multiplier: 2 }],
      resnets(2),
      ["compress_all_res", { multiplier: 2 }],
      resnets(2),
    ],
    decoder_blocks: [resnets(5), up, resnets(5), up, resnets(5), up, resnets(5)],
    timestep_conditioning: true,
    spatial_padding_mode: "zeros",
  },
};

const count = (model: object) => [...parametersOf(model).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

describe.each(vaeGenerations)("autoencoder of %s", (generation) => {
  const config = publishedVaes[generation];

  test("is what original files and diffusers folders describe", () => {
    expect(fromOriginal(originals[generation])).toEqual(config);
    expect(fromDiffusers(toDiffusers(config))).toEqual(config);
    expect(generationOf(config)).toBe(generation);
    expect(compression(config)).toEqual([8, 32, 32]);
  });

  test("has the published number of parameters", () => {
    const model = new LtxVae(config);
    const [encoder, decoder] = {
      "0.9.0": [180_404_353, 238_789_296],
      // Without the stored scale of time steps.
      "0.9.1": [180_404_353, 754_572_080],
      "0.9.5": [694_098_881, 552_814_640],
    }[generation] as [number, number];
    expect([count(model.encoder), count(model.decoder)]).toEqual([encoder, decoder]);
  });

  test("names its tensors as the converter of diffusers expects", async () => {
    const pairs = (await goldenJson<Record<string, Record<string, string>>>("vae-names.json"))[generation]!;
    const single = (list: readonly unknown[]) => list.map(() => 1);
    const skeleton: LtxVaeConfig = {
      ...config,
      encoder: { ...config.encoder, layers: single(config.encoder.layers) },
      decoder: { ...config.decoder, layers: single(config.decoder.layers) },
    };
    const original = originalNames(skeleton);
    const names = [...parametersOf(new LtxVae(skeleton)).keys()].map(diffusersName);
    const expected = new Map(Object.entries(pairs).map(([from, to]) => [to, from]));
    for (const name of names) expect([name, original(name)]).toEqual([name, expected.get(name)]);
    expect([...expected.keys()].filter((name) => !names.includes(name) && !isStatistic(name))).toEqual([]);
    expect(original("latents_mean")).toBe(expected.get("latents_mean"));
  });

  test("decodes 49 frames of 960x544 in the published number of operations", () => {
    const decoder = mount(new Decoder(config), "decoder");
    const sinusoid = config.decoder.timestep ? { sinusoid: input("sinusoid", [1, 256]) } : {};
    const pixels = decoder.forward(input("latents", [1, 128, 7, 17, 30]), sinusoid);
    expect(pixels.shape).toEqual([1, 3, 49, 544, 960]);
    const { flops } = planProgram(buildProgram({ pixels }));
    expect(flops / 1e12 / { "0.9.0": 22.6, "0.9.1": 37.1, "0.9.5": 32.9 }[generation]).toBeCloseTo(1, 1);
  });
});

test("an autoencoder of another family is refused with the block that is unknown", () => {
  const ltx2 = {
    ...originals["0.9.5"],
    decoder_blocks: [resnets(4), ["compress_space", { multiplier: 2 }], resnets(6)],
  };
  expect(() => fromOriginal(ltx2)).toThrow(/decoder block compress_space/);
  expect(() => fromOriginal({ ...originals["0.9.0"], norm_layer: "group_norm" })).toThrow(/norm_layer is "group_norm"/);
  expect(() => fromOriginal({ ...common })).toThrow(/encoder_blocks must be a list/);
});

test("a stage of 0.9.5 that neither halves nor widens ends without a downsampler", () => {
  const config = publishedVaes["0.9.5"];
  const { channels, layers, down } = config.encoder;
  const encoder = {
    ...config.encoder,
    channels: [...channels, channels.at(-1)!],
    layers: [...layers, 1],
    down: [...down, "none" as const],
  };
  const names = [...parametersOf(new LtxVae({ ...config, encoder })).keys()].map(diffusersName);
  expect(names).toContain("encoder.down_blocks.4.resnets.0.conv1.conv.weight");
  expect(names.filter((name) => name.startsWith("encoder.down_blocks.4.downsamplers"))).toEqual([]);
});
