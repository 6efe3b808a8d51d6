/** The published classes that this project knows: how each reads its settings and names its weights. */
import type { Json } from "../../../base/published-settings.ts";
import * as clip from "../../../models/clip/config.ts";
import { ClipTextEncoder } from "../../../models/clip/encoder.ts";
import * as clipWeights from "../../../models/clip/weights.ts";
import * as hunyuan from "../../../models/hunyuan/config.ts";
import { HunyuanTransformer } from "../../../models/hunyuan/transformer.ts";
import * as hunyuanWeights from "../../../models/hunyuan/weights.ts";
import * as hunyuanVae from "../../../models/hunyuan-vae/config.ts";
import { HunyuanVae } from "../../../models/hunyuan-vae/vae.ts";
import * as hunyuanVaeWeights from "../../../models/hunyuan-vae/weights.ts";
import * as llama from "../../../models/llama/config.ts";
import { LlamaEncoder } from "../../../models/llama/encoder.ts";
import * as llamaWeights from "../../../models/llama/weights.ts";
import * as ltx from "../../../models/ltx/config.ts";
import { hrName } from "../../../models/ltx/hr-weights.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import { HrTransformer } from "../../../models/ltx/two-stage.ts";
import { fromJson, hrClass } from "../../../models/ltx/two-stage-config.ts";
import * as ltxWeights from "../../../models/ltx/weights.ts";
import * as upsampler from "../../../models/ltx-upsampler/config.ts";
import { LatentUpsampler } from "../../../models/ltx-upsampler/upsampler.ts";
import { publishedName } from "../../../models/ltx-upsampler/weights.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import * as vaeWeights from "../../../models/ltx-vae/weights.ts";
import * as pca from "../../../models/pca-codec/codec.ts";
import * as t5 from "../../../models/t5/encoder.ts";
import * as t5Weights from "../../../models/t5/weights.ts";

/** What a module's settings make of it, by name. */
export type Sizes = Readonly<Record<string, number | readonly number[]>>;

export interface KnownClass {
  /** What the settings say. @throws for settings that cannot be */
  readonly read: (json: Json) => { readonly model: object; readonly sizes: Sizes };
  /** The published name of a field path of ours. */
  readonly name: (path: string) => string;
  /** A file's name as the class itself has it. */
  readonly bare?: (name: string) => string;
  readonly ignore?: (name: string) => boolean;
}

const language: KnownClass = {
  read: (json) => {
    const config = llama.fromTransformers(json);
    const { layers, width, heads, keyHeads, vocabulary } = config;
    return { model: new LlamaEncoder(config), sizes: { layers, width, heads, keyHeads, vocabulary } };
  },
  name: llamaWeights.transformersName,
  bare: llamaWeights.bareName,
  ignore: llamaWeights.isForeign,
};

const clipText: KnownClass = {
  read: (json) => {
    const config = clip.fromTransformers(json);
    const { layers, width, heads, vocabulary, length } = config;
    return { model: new ClipTextEncoder(config), sizes: { layers, width, heads, vocabulary, length } };
  },
  name: clipWeights.transformersName,
  bare: clipWeights.bareName,
  ignore: clipWeights.isForeign,
};

/** By `_class_name` or the first of `architectures`. */
export const knownClasses: Readonly<Record<string, KnownClass>> = {
  LTXVideoTransformer3DModel: {
    read: (json) => {
      const config = ltx.fromDiffusers(json);
      const { layers, heads, channels, captionChannels } = config;
      const sizes = { layers, width: ltx.widthOf(config), heads, channels, captionChannels };
      return { model: new LtxTransformer(config), sizes };
    },
    name: ltxWeights.diffusersName,
  },
  [hrClass]: {
    read: (json) => {
      const config = fromJson(json);
      const { transformer, taps } = config;
      const sizes = { layers: transformer.layers, width: ltx.widthOf(transformer), taps };
      return { model: new HrTransformer(config), sizes };
    },
    name: hrName,
  },
  AutoencoderKLLTXVideo: {
    read: (json) => {
      const config = vae.fromDiffusers(json);
      const sizes = { latentChannels: config.latentChannels, compression: vae.compression(config) };
      return { model: new LtxVae(config), sizes };
    },
    name: vaeWeights.diffusersName,
    ignore: vaeWeights.isStatistic,
  },
  LTXLatentUpsamplerModel: {
    read: (json) => {
      const config = upsampler.fromDiffusers(json);
      return { model: new LatentUpsampler(config), sizes: { channels: config.channels, width: config.width } };
    },
    name: publishedName,
  },
  T5EncoderModel: {
    read: (json) => {
      const config = t5.fromTransformers(json);
      const { layers, width, heads, vocabulary } = config;
      return { model: new t5.T5Encoder(config), sizes: { layers, width, heads, vocabulary } };
    },
    name: t5Weights.transformersName,
    ignore: t5Weights.isAlias,
  },
  [hunyuan.className]: {
    read: (json) => {
      const config = hunyuan.fromDiffusers(json);
      const { doubleBlocks, singleBlocks, heads, channels, textWidth } = config;
      const sizes = { doubleBlocks, singleBlocks, width: hunyuan.widthOf(config), heads, channels, textWidth };
      return { model: new HunyuanTransformer(config), sizes };
    },
    name: hunyuanWeights.diffusersName,
  },
  [hunyuanVae.className]: {
    read: (json) => {
      const config = hunyuanVae.fromDiffusers(json);
      const sizes = { latentChannels: config.latentChannels, compression: hunyuanVae.compression(config) };
      return { model: new HunyuanVae(config), sizes };
    },
    name: hunyuanVaeWeights.diffusersName,
  },
  [pca.className]: {
    read: (json) => {
      const config = pca.fromJson(json);
      return { model: new pca.PcaCodec(config), sizes: { latentChannels: config.channels, compression: config.cell } };
    },
    name: (path) => path,
  },
  ...Object.fromEntries(llama.classNames.map((name) => [name, language])),
  ...Object.fromEntries(clip.classNames.map((name) => [name, clipText])),
};
