/** The autoencoders of teachers behind one face: latents as their transformers see them. */
import { UnsupportedError } from "../base/errors.ts";
import * as hunyuan from "../models/hunyuan-vae/config.ts";
import { HunyuanVae } from "../models/hunyuan-vae/vae.ts";
import { diffusersName } from "../models/hunyuan-vae/weights.ts";
import * as pca from "../models/pca-codec/codec.ts";
import { mount } from "../tensor/mount.ts";
import type { Weights } from "../tensor/runtime.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tiling } from "./tiles.ts";

/** How one kind of autoencoder is traced; its weights are a `Codec`'s. */
export interface CodecModel {
  readonly model: object;
  readonly channels: number;
  /** Pixels per latent cell along (time, height, width). */
  readonly compression: readonly [number, number, number];
  /** The most that is encoded or decoded at once (`CodecRunner`). */
  readonly tiling: Tiling;
  /** The config.json, and names in the file for our own. */
  readonly json: Record<string, unknown>;
  readonly rename: (path: string) => string;
  /** Pixels [B, 3, F, H, W] in [-1, 1] to scaled latents [B, C, f, h, w], without drawing. */
  encode(pixels: Tensor): Tensor;
  /** The way back. */
  decode(latents: Tensor): Tensor;
}

export interface Codec extends CodecModel {
  readonly weights: Weights;
  /** Tells one encoder from another. */
  readonly hash: string;
}

/** 17 frames of 256x256 pixels, sharing 5 frames and 64 pixels: the sizes of diffusers' AutoencoderKLHunyuanVideo. */
const hunyuanTiling: Tiling = { frames: 5, cells: 1024, overlap: { frames: 2, cells: 8 } };

/** Blocks stand alone: a whole clip takes a few times the memory of its pixels. */
const whole: Tiling = { frames: Infinity, cells: Infinity, overlap: { frames: 0, cells: 0 } };

export function hunyuanCodec(config: hunyuan.HunyuanVaeConfig): CodecModel {
  const model = mount(new HunyuanVae(config));
  return {
    model,
    channels: config.latentChannels,
    compression: hunyuan.compression(config),
    tiling: hunyuanTiling,
    json: hunyuan.toDiffusers(config),
    rename: diffusersName,
    encode: (pixels) => model.encoder.forward(pixels).mean.mul(config.scale),
    decode: (latents) => model.decoder.forward(latents.div(config.scale)),
  };
}

export function pcaCodec(config: pca.PcaCodecConfig): CodecModel {
  const model = mount(new pca.PcaCodec(config));
  return {
    model,
    channels: config.channels,
    compression: config.cell,
    tiling: whole,
    json: pca.toJson(config),
    rename: (path) => path,
    encode: (pixels) => model.encode(pixels),
    decode: (latents) => model.decode(latents),
  };
}

/** The autoencoder that a config.json names. */
export function codecOf(json: Record<string, unknown>): CodecModel {
  switch (json["_class_name"]) {
    case hunyuan.className:
      return hunyuanCodec(hunyuan.fromDiffusers(json));
    case pca.className:
      return pcaCodec(pca.fromJson(json));
    default:
      throw new UnsupportedError(`no teacher has an autoencoder of the class ${json["_class_name"]}`, {
        hint: `${hunyuan.className} and ${pca.className} are there`,
      });
  }
}
