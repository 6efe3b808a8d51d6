/** `turbo2k probe`: one module of a checkpoint on given tensors, for comparison with other implementations. */
import { CheckpointError, InputError } from "../../base/errors.ts";
import * as ltx from "../../models/ltx/config.ts";
import { coordinates, type Grid, ropeTables } from "../../models/ltx/rope.ts";
import { LtxTransformer } from "../../models/ltx/transformer.ts";
import * as ltxWeights from "../../models/ltx/weights.ts";
import * as upsampler from "../../models/ltx-upsampler/config.ts";
import { LatentUpsampler } from "../../models/ltx-upsampler/upsampler.ts";
import { publishedName } from "../../models/ltx-upsampler/weights.ts";
import * as vae from "../../models/ltx-vae/config.ts";
import { Decoder } from "../../models/ltx-vae/decoder.ts";
import { Encoder } from "../../models/ltx-vae/encoder.ts";
import * as vaeWeights from "../../models/ltx-vae/weights.ts";
import { fromTransformers, relativeBuckets, T5Encoder } from "../../models/t5/encoder.ts";
import * as t5Weights from "../../models/t5/weights.ts";
import { timestepSinusoid } from "../../nn/timestep.ts";
import { vaeConfigOf } from "../../pipelines/assemble.ts";
import type { HostTensor } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import type { Runtime, Weights } from "../../tensor/runtime.ts";
import { constant, input, type Tensor } from "../../tensor/tensor.ts";
import { type Checkpoint, matchNames } from "../../weights/checkpoint.ts";
import { weightsOf } from "../../weights/weights-of.ts";
import type { OpenedCheckpoint } from "./files/open-checkpoint.ts";
import { Arguments, type Call, floats, type MakeCall } from "./probe/call.ts";
import { hunyuanCalls } from "./probe/hunyuan.ts";

export const probeModules = [
  "transformer",
  "vae.encoder",
  "vae.decoder",
  "text_encoder",
  "text_encoder_2",
  "latent_upsampler",
] as const;
export type ProbeModule = (typeof probeModules)[number];

type Config = Readonly<Record<string, unknown>>;

function transformer(config: Config, args: Arguments): Call {
  const settings = ltx.fromDiffusers(config);
  const model = mount(new LtxTransformer(settings));
  const latents = args.get("hidden_states");
  const text = args.get("encoder_hidden_states");
  const mask = args.optional("encoder_attention_mask");
  const time = args.get("timestep");
  const [batch, tokens] = latents.shape as [number, number];
  if (mask && mask.shape.length !== 2)
    throw new InputError(`encoder_attention_mask should be [B, T] of ones and zeros, got [${mask.shape.join(", ")}]`);
  const perToken = time.shape.length === 2 ? time.shape[1]! : 1;
  const sinusoid = timestepSinusoid(Array.from(time.data), [batch, perToken]);
  const { cos, sin } = rotary(ltx.widthOf(settings), tokens, args);
  const feeds: Record<string, HostTensor> = { hidden_states: latents, encoder_hidden_states: text, sinusoid };
  if (mask) feeds["encoder_attention_mask"] = floats(mask);
  const at = (name: string) => input(name, feeds[name]!.shape);
  const output = model.forward({
    latents: at("hidden_states"),
    text: at("encoder_hidden_states"),
    textMask: mask && at("encoder_attention_mask"),
    sinusoid: at("sinusoid"),
    rope: { cos: constant(cos), sin: constant(sin) },
  });
  return {
    model,
    outputs: { sample: output },
    feeds,
    rename: ltxWeights.diffusersName,
    ignore: () => false,
    prefix: "",
  };
}

/** Positions from `video_coords`, or from the latent grid with its scale; without a scale, plain indices. */
function rotary(width: number, tokens: number, args: Arguments): { cos: HostTensor; sin: HostTensor } {
  const coords = args.optional("video_coords");
  if (coords) {
    if (coords.shape[1] !== 3 || coords.shape[2] !== tokens)
      throw new InputError(`video_coords should be [B, 3, ${tokens}], got [${coords.shape.join(", ")}]`);
    // [B, 3, N] as three axes of B N positions: each of the batch may have its own.
    const axes = [0, 1, 2].map((axis) =>
      Float32Array.from({ length: coords.data.length / 3 }, (_, i) => {
        const [clip, token] = [Math.floor(i / tokens), i % tokens];
        return Number(coords.data[(3 * clip + axis) * tokens + token]);
      }),
    );
    return ropeTables(axes, width);
  }
  const size = (name: string) => {
    const value = args.json<number>(name);
    if (value === undefined)
      throw new InputError(`the inputs lack ${name}`, { hint: "a whole number as JSON in the file's metadata" });
    return value;
  };
  const grid: Grid = { frames: size("num_frames"), height: size("height"), width: size("width") };
  const scale = args.json<[number, number, number]>("rope_interpolation_scale");
  if (grid.frames * grid.height * grid.width !== tokens)
    throw new InputError(`${grid.frames} x ${grid.height} x ${grid.width} latents are not ${tokens} tokens`);
  const places = coordinates(grid, { fps: 1, compression: scale ?? [1, 1, 1] });
  return ropeTables(places, width, { raw: scale === undefined });
}

function vaeEncoder(config: Config, args: Arguments): Call {
  const model = mount(new Encoder(vae.fromDiffusers(config)), "encoder");
  const feeds = { sample: args.get("sample") };
  const { mean } = model.forward(input("sample", feeds.sample.shape));
  const ignore = (name: string) => vaeWeights.isStatistic(name) || !name.startsWith("encoder.");
  return { model, outputs: { sample: mean }, feeds, rename: vaeWeights.diffusersName, ignore, prefix: "encoder" };
}

async function vaeDecoder(config: Config, args: Arguments, checkpoint: Checkpoint): Promise<Call> {
  const settings = await vaeConfigOf({ config, checkpoint });
  const model = mount(new Decoder(settings), "decoder");
  const latents = args.get("latents");
  const feeds: Record<string, HostTensor> = { latents };
  const level = args.optional("temb");
  if (settings.decoder.timestep) {
    if (!level) throw new InputError("this decoder takes a noise level: the inputs lack temb");
    feeds["sinusoid"] = timestepSinusoid(
      Array.from(level.data, (x) => Math.fround(x * (settings.decoder.timestepScale ?? 1000))),
    );
  }
  const output = model.forward(input("latents", latents.shape), {
    ...(feeds["sinusoid"] ? { sinusoid: input("sinusoid", feeds["sinusoid"].shape) } : {}),
    ...(args.optional("noise.000") ? { noise: injected(args, feeds) } : {}),
  });
  const ignore = (name: string) => vaeWeights.isStatistic(name) || !name.startsWith("decoder.");
  return { model, outputs: { sample: output }, feeds, rename: vaeWeights.diffusersName, ignore, prefix: "decoder" };
}

/** The maps `noise.000`, `noise.001`, … in the order in which the decoder asks for them; without them none is injected. */
function injected(args: Arguments, feeds: Record<string, HostTensor>): () => Tensor {
  let count = 0;
  return () => {
    const name = `noise.${String(count++).padStart(3, "0")}`;
    const map = args.get(name);
    feeds[name] = map;
    return input(name, map.shape);
  };
}

function textEncoder(config: Config, args: Arguments): Call {
  const settings = fromTransformers(config);
  const model = mount(new T5Encoder(settings));
  const ids = args.get("input_ids");
  const mask = args.optional("attention_mask");
  const stranger = ids.data.find((id) => id < 0 || id >= settings.vocabulary);
  if (stranger !== undefined)
    throw new InputError(`input_ids must be from 0 to ${settings.vocabulary - 1}, got ${stranger}`);
  const feeds: Record<string, HostTensor> = { input_ids: ids };
  if (mask) feeds["attention_mask"] = floats(mask);
  const output = model.forward({
    ids: input("input_ids", ids.shape, "i32"),
    buckets: constant(relativeBuckets(ids.shape[1]!, settings)),
    mask: mask && input("attention_mask", mask.shape),
  });
  return {
    model,
    outputs: { last_hidden_state: output },
    feeds,
    rename: t5Weights.transformersName,
    ignore: t5Weights.isAlias,
    prefix: "",
  };
}

function latentUpsampler(config: Config, args: Arguments): Call {
  const model = mount(new LatentUpsampler(upsampler.fromDiffusers(config)));
  const feeds = { hidden_states: args.get("hidden_states") };
  const sample = model.forward(input("hidden_states", feeds.hidden_states.shape));
  return { model, outputs: { sample }, feeds, rename: publishedName, ignore: () => false, prefix: "" };
}

/** Modules whose class is not told by their settings: LTX-Video's and T5. */
const calls = {
  transformer,
  "vae.encoder": vaeEncoder,
  "vae.decoder": vaeDecoder,
  text_encoder: textEncoder,
  text_encoder_2: textEncoder,
  latent_upsampler: latentUpsampler,
} satisfies Record<ProbeModule, MakeCall>;

/** The published class that a module's settings name. */
const classOf = (config: Record<string, unknown>): string =>
  String(config["_class_name"] ?? (config["architectures"] as string[] | undefined)?.[0] ?? "");

/** Runs a module and answers its output by name. `overrides` stand in for stored weights. */
export async function probe(
  module: ProbeModule,
  opened: OpenedCheckpoint,
  inputs: Checkpoint,
  runtime: Runtime,
  overrides?: Weights,
): Promise<Record<string, HostTensor>> {
  if (!opened.config) throw new CheckpointError("no config.json beside the weights", { where: opened.checkpoint.name });
  const config = opened.config as Record<string, unknown>;
  const make = hunyuanCalls[`${classOf(config)}${module.replace(/^[^.]*/, "")}`] ?? calls[module];
  const call = await make(config, await Arguments.read(inputs), opened.checkpoint);
  const expected = new Map(
    [...parametersOf(call.model, call.prefix)].map(([path, { shape }]) => [call.rename(path), { shape }]),
  );
  const { ignore, bare: rename = (name: string) => name } = call;
  const weights = overrides ?? weightsOf(matchNames(expected, opened.checkpoint, { ignore, rename }));
  const named: Weights = new Map(
    [...parametersOf(call.model, call.prefix).keys()].map((path) => [path, weights.get(call.rename(path))!]),
  );
  const executable = await runtime.compile(buildProgram({ ...call.outputs }, { keep: runtime.keeps }), {
    weights: named,
  });
  try {
    return await executable.run(call.feeds);
  } finally {
    executable.dispose();
  }
}
