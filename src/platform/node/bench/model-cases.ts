import { fromDiffusers, widthOf } from "../../../models/ltx/config.ts";
import { coordinates, ropeTables, tokensOf } from "../../../models/ltx/rope.ts";
import { Block } from "../../../models/ltx/transformer.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { Decoder } from "../../../models/ltx-vae/decoder.ts";
import { Encoder } from "../../../models/ltx-vae/encoder.ts";
import { withInt8Linears } from "../../../nn/int8-linear.ts";
import { timestepSinusoid } from "../../../nn/timestep.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { type BenchCase, Feeds, type Trial } from "./case.ts";

/** The defaults of the diffusers classes are LTX-Video 2B and the autoencoder 0.9.0. */
const published = async () => ({});

/** A narrow transformer and a narrow autoencoder 0.9.0, to see that everything runs. */
export const narrow = {
  num_attention_heads: 2,
  attention_head_dim: 12,
  in_channels: 4,
  out_channels: 4,
  cross_attention_dim: 24,
  caption_channels: 10,
  num_layers: 2,
};
export const narrowVae = {
  latent_channels: 4,
  block_out_channels: [4, 4, 8, 8],
  decoder_block_out_channels: [4, 4, 8, 8],
  layers_per_block: [1, 1, 1, 1, 1],
  decoder_layers_per_block: [1, 1, 1, 1, 1],
};

export type Five = readonly [number, number, number, number, number];

/** One layer alone, without the projections around it. */
const block: BenchCase = {
  name: "block",
  sizes: "batch,frames,height,width (latent),words",
  shape: [1, 7, 17, 30, 128],
  tiny: [1, 2, 2, 3, 4],
  tinyConfig: narrow,
  config: published,
  trace: (shape, json) => traceBlock(new Block(fromDiffusers(json)), shape, json),
};

function traceBlock(bare: Block, shape: readonly number[], json: Record<string, unknown>): Trial {
  const [batch, frames, height, width, words] = shape as Five;
  const grid = { frames, height, width };
  const channels = widthOf(fromDiffusers(json));
  const model = mount(bare);
  const tables = ropeTables(coordinates(grid, { fps: 25, compression: [8, 32, 32] }), channels);
  const feeds = new Feeds();
  const out = model.forward(
    feeds.normal("x", [batch, tokensOf(grid), channels]),
    feeds.normal("time", [batch, 1, 6, channels]),
    {
      text: feeds.normal("text", [batch, words, channels]),
      mask: feeds.add("mask", hostTensor(new Float32Array(batch * words), [batch, 1, 1, words])),
      rope: { cos: feeds.add("cos", tables.cos), sin: feeds.add("sin", tables.sin) },
    },
  );
  return { outputs: { out }, feeds: feeds.values, model };
}

/** The noise level of decoders that take one: 1000 · 0.05. */
export const noiseLevel = (batch: number) => timestepSinusoid(new Array<number>(batch).fill(50));

/** The same with linear layers in 8 bits, weights and activations. */
const blockInt8: BenchCase = {
  ...block,
  name: "block-w8a8",
  trace: (shape, json) => traceBlock(withInt8Linears(new Block(fromDiffusers(json)), /./), shape, json),
};

const decode: BenchCase = {
  name: "vae-decode",
  sizes: "batch,frames,height,width (latent)",
  shape: [1, 3, 8, 8],
  tiny: [1, 2, 1, 1],
  tinyConfig: narrowVae,
  config: published,
  trace(shape, json) {
    const [batch, ...places] = shape as [number, number, number, number];
    const config = vae.fromDiffusers(json);
    const model = mount(new Decoder(config));
    const feeds = new Feeds();
    const sinusoid = config.decoder.timestep ? feeds.add("sinusoid", noiseLevel(batch)) : undefined;
    const latents = feeds.normal("latents", [batch, config.latentChannels, ...places]);
    return { outputs: { pixels: model.forward(latents, { sinusoid }) }, feeds: feeds.values, model };
  },
};

const encode: BenchCase = {
  name: "vae-encode",
  sizes: "batch,frames,height,width (pixels)",
  shape: [1, 17, 256, 256],
  tiny: [1, 9, 32, 32],
  tinyConfig: narrowVae,
  config: published,
  trace(shape, json) {
    const [batch, ...places] = shape as [number, number, number, number];
    const model = mount(new Encoder(vae.fromDiffusers(json)));
    const feeds = new Feeds();
    const { mean } = model.forward(feeds.normal("pixels", [batch, 3, ...places]));
    return { outputs: { mean }, feeds: feeds.values, model };
  },
};

export const modelCases: readonly BenchCase[] = [block, blockInt8, decode, encode];
