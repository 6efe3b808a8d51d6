/** Probes of HunyuanVideo's modules, by the class that their settings name. */
import * as clip from "../../../models/clip/config.ts";
import { ClipTextEncoder, endOf } from "../../../models/clip/encoder.ts";
import * as clipWeights from "../../../models/clip/weights.ts";
import * as hunyuan from "../../../models/hunyuan/config.ts";
import { ropeTables, tokenGrid } from "../../../models/hunyuan/rope.ts";
import { HunyuanTransformer } from "../../../models/hunyuan/transformer.ts";
import * as hunyuanWeights from "../../../models/hunyuan/weights.ts";
import * as vae from "../../../models/hunyuan-vae/config.ts";
import { Decoder } from "../../../models/hunyuan-vae/decoder.ts";
import { Encoder } from "../../../models/hunyuan-vae/encoder.ts";
import * as vaeWeights from "../../../models/hunyuan-vae/weights.ts";
import * as llama from "../../../models/llama/config.ts";
import { LlamaEncoder } from "../../../models/llama/encoder.ts";
import * as llamaWeights from "../../../models/llama/weights.ts";
import { timestepSinusoid } from "../../../nn/timestep.ts";
import type { HostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { constant, input, type Tensor } from "../../../tensor/tensor.ts";
import { type Arguments, type Call, floats, type MakeCall } from "./call.ts";

type Json = Record<string, unknown>;

const inputsOf = (feeds: Record<string, HostTensor>) => (name: string) =>
  input(name, feeds[name]!.shape, feeds[name]!.dtype);

/** `hidden_states` [B, C, f, h, w]; with `after_block` in the metadata, that block's image tokens as `hidden_states`. */
function transformer(config: Json, args: Arguments): Call {
  const settings = hunyuan.fromDiffusers(config);
  const model = mount(new HunyuanTransformer(settings));
  const latents = args.get("hidden_states");
  const mask = args.optional("encoder_attention_mask");
  const guidance = args.optional("guidance");
  const feeds: Record<string, HostTensor> = {
    latents,
    text: args.get("encoder_hidden_states"),
    pooled: args.get("pooled_projections"),
    sinusoid: timestepSinusoid(Array.from(args.get("timestep").data)),
    ...(mask && { textMask: floats(mask) }),
    ...(guidance && { guidance: timestepSinusoid(Array.from(guidance.data)) }),
  };
  const [, , frames, height, width] = latents.shape as [number, number, number, number, number];
  const { cos, sin } = ropeTables(tokenGrid({ frames, height, width }, settings), settings);
  const at = inputsOf(feeds);
  const inputs = {
    latents: at("latents"),
    text: at("text"),
    pooled: at("pooled"),
    sinusoid: at("sinusoid"),
    textMask: mask && at("textMask"),
    guidance: guidance && at("guidance"),
    rope: { cos: constant(cos), sin: constant(sin) },
  };
  const block = args.json<number>("after_block");
  const outputs: Record<string, Tensor> =
    block === undefined ? { sample: model.forward(inputs) } : { hidden_states: model.features(inputs, block) };
  return { model, outputs, feeds, rename: hunyuanWeights.diffusersName, ignore: () => false, prefix: "" };
}

const vaePart = (prefix: "encoder" | "decoder") => ({
  rename: vaeWeights.diffusersName,
  ignore: (name: string) => !name.startsWith(prefix) && !name.startsWith(prefix === "encoder" ? "quant" : "post_quant"),
  prefix,
});

function vaeEncoder(config: Json, args: Arguments): Call {
  const model = mount(new Encoder(vae.fromDiffusers(config)), "encoder");
  const feeds = { sample: args.get("sample") };
  const { mean } = model.forward(inputsOf(feeds)("sample"));
  return { model, outputs: { sample: mean }, feeds, ...vaePart("encoder") };
}

function vaeDecoder(config: Json, args: Arguments): Call {
  const model = mount(new Decoder(vae.fromDiffusers(config)), "decoder");
  const feeds = { latents: args.get("latents") };
  return { model, outputs: { sample: model.forward(inputsOf(feeds)("latents")) }, feeds, ...vaePart("decoder") };
}

/** Normalised last states, or with `num_hidden_layers_to_skip` in the metadata those of an earlier layer. */
function language(config: Json, args: Arguments): Call {
  const model = mount(new LlamaEncoder(llama.fromTransformers(config)));
  const mask = args.optional("attention_mask");
  const feeds: Record<string, HostTensor> = {
    input_ids: args.get("input_ids"),
    ...(mask && { attention_mask: floats(mask) }),
  };
  const at = inputsOf(feeds);
  const skip = args.json<number>("num_hidden_layers_to_skip") ?? 0;
  const states = model.forward({ ids: at("input_ids"), mask: mask && at("attention_mask") }, { skip });
  const outputs: Record<string, Tensor> = skip ? { hidden_state: states } : { last_hidden_state: states };
  const { transformersName: rename, bareName: bare, isForeign: ignore } = llamaWeights;
  return { model, outputs, feeds, rename, bare, ignore, prefix: "" };
}

function clipText(config: Json, args: Arguments): Call {
  const settings = clip.fromTransformers(config);
  const model = mount(new ClipTextEncoder(settings));
  const ids = args.get("input_ids");
  const mask = args.optional("attention_mask");
  const feeds: Record<string, HostTensor> = {
    input_ids: ids,
    end: endOf(ids, settings),
    ...(mask && { attention_mask: floats(mask) }),
  };
  const at = inputsOf(feeds);
  const { states, pooled } = model.forward({
    ids: at("input_ids"),
    end: at("end"),
    mask: mask && at("attention_mask"),
  });
  const { transformersName: rename, bareName: bare, isForeign: ignore } = clipWeights;
  const outputs = { last_hidden_state: states, pooler_output: pooled };
  return { model, outputs, feeds, rename, bare, ignore, prefix: "" };
}

/** By class, and the half of an autoencoder. */
export const hunyuanCalls: Readonly<Record<string, MakeCall>> = {
  [hunyuan.className]: transformer,
  [`${vae.className}.encoder`]: vaeEncoder,
  [`${vae.className}.decoder`]: vaeDecoder,
  ...Object.fromEntries(llama.classNames.map((name) => [name, language])),
  ...Object.fromEntries(clip.classNames.map((name) => [name, clipText])),
};
