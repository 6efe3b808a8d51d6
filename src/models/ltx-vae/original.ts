/**
 * The autoencoder's settings as original files carry them (class CausalVideoAutoencoder): flat lists of blocks,
 * encoder and decoder both from pixels to latents.
 */
import { CheckpointError } from "../../base/errors.ts";
import { PublishedSettings } from "../../base/published-settings.ts";
import { spatialPaddings } from "../../nn/conv3d.ts";
import { checkStages } from "./check-stages.ts";
import type { LtxVaeConfig, Scaling } from "./config.ts";

interface Part {
  readonly kind: string;
  readonly layers: number;
  readonly multiplier: number | undefined;
  readonly injectNoise: boolean;
  readonly residual: boolean;
}

const strided: Readonly<Record<string, Scaling>> = {
  compress_all: "both",
  compress_space: "space",
  compress_time: "time",
};

const [what, hint] = ["the autoencoder's embedded settings", "autoencoders of LTX-Video 0.9.0 to 0.9.8 are understood"];

const refuse = (message: string): never => {
  throw new CheckpointError(`${what}: ${message}`, { hint });
};

/** `[["res_x", 4], ["compress_all", {"residual": true}], ...]` as records. */
function partsOf(json: unknown, name: string): Part[] {
  if (!Array.isArray(json) || json.length === 0) return refuse(`${name} must be a list of blocks`);
  return json.map((entry: unknown) => {
    const [kind, rest] = Array.isArray(entry) ? (entry as [unknown, unknown]) : [undefined, undefined];
    if (typeof kind !== "string") return refuse(`${name} holds ${JSON.stringify(entry)}`);
    const options = (typeof rest === "object" ? (rest ?? {}) : { num_layers: rest }) as Record<string, unknown>;
    const own = new PublishedSettings(`${what}: ${name}: ${kind}`, options);
    return {
      kind,
      layers: own.layers("num_layers", 1),
      multiplier: own.has("multiplier") ? own.count("multiplier", 1) : undefined,
      injectNoise: own.flag("inject_noise", false),
      residual: own.flag("residual", false),
    };
  });
}

/** Stages of resnets, each with an optional halving and an optional widening behind it; the last is the middle. */
function encoderOf(parts: readonly Part[], base: number): Omit<LtxVaeConfig["encoder"], "causal"> {
  const layers: number[] = [];
  const down: Scaling[] = [];
  const channels = [base];
  const kinds = new Set<"conv" | "space-to-depth">();
  const current = () => channels.at(-1)!;
  for (const [index, { kind, layers: count, multiplier = 2 }] of parts.entries()) {
    if (kind === "res_x") {
      if (index > 0 && parts[index - 1]!.kind === "res_x") down.push("none");
      layers.push(count);
      // Without a widening in between the next stage has the same width.
      while (channels.length < layers.length) channels.push(current());
    } else if (kind === "res_x_y") channels.push(current() * multiplier);
    else if (kind in strided) {
      kinds.add("conv");
      down.push(strided[kind]!);
    } else if (kind.endsWith("_res") && kind.slice(0, -4) in strided) {
      kinds.add("space-to-depth");
      down.push(strided[kind.slice(0, -4)]!);
      channels.push(current() * multiplier);
    } else refuse(`encoder block ${kind} is unknown`);
  }
  if (down.length !== layers.length - 1 || kinds.size !== 1) refuse("its encoder is of another kind");
  const [downsampler] = kinds as unknown as [LtxVaeConfig["encoder"]["downsampler"]];
  // A strided stage is listed with its own width; the space-to-depth one needs that of the latent end as well.
  const listed = downsampler === "conv" ? channels.slice(0, down.length) : channels;
  return { channels: listed, layers, down, downsampler };
}

/** Blocks in running order: [narrowing] [doubling] resnets; the first resnets are the middle. */
function decoderOf(
  parts: readonly Part[],
  base: number,
): Omit<LtxVaeConfig["decoder"], "causal" | "timestep" | "timestepScale"> {
  const running = parts.toReversed();
  const [middle, ...rest] = running;
  if (middle?.kind !== "res_x") return refuse("its decoder does not begin with resnets");
  const growth = (part: Part) => part.multiplier ?? (part.kind === "res_x_y" ? 2 : 1);
  let width = base * parts.reduce((product, part) => product * (part.kind === "res_x" ? 1 : growth(part)), 1);
  const lists = {
    channels: [] as number[],
    layers: [middle.layers],
    up: [] as boolean[],
    injectNoise: [middle.injectNoise],
    residual: [] as boolean[],
    factor: [] as number[],
  };
  let doubling: Part | undefined;
  let narrowed = false;
  for (const part of rest) {
    if (part.kind === "res_x_y" && lists.channels.length > 0 && !doubling) {
      width /= growth(part);
      narrowed = true;
    } else if (part.kind === "compress_all" && !doubling && !(narrowed && growth(part) !== 1)) doubling = part;
    else if (part.kind === "res_x") {
      const factor = doubling ? growth(doubling) : 1;
      lists.channels.push(width);
      width /= factor;
      lists.layers.push(part.layers);
      lists.up.push(doubling !== undefined);
      lists.injectNoise.push(part.injectNoise);
      lists.residual.push(doubling?.residual ?? false);
      lists.factor.push(factor);
      doubling = undefined;
      narrowed = false;
    } else refuse(`decoder block ${part.kind} stands where this kind has none`);
  }
  if (doubling || lists.channels.length === 0) refuse("its decoder does not end with resnets");
  const { channels, layers, up, injectNoise, residual, factor } = lists;
  return {
    channels: channels.reverse(),
    layers: layers.reverse(),
    up: up.reverse(),
    injectNoise: injectNoise.reverse(),
    residual: residual.reverse(),
    factor: factor.reverse(),
  };
}

/** @throws CheckpointError for an autoencoder of another family */
export function fromOriginal(json: Readonly<Record<string, unknown>>): LtxVaeConfig {
  const own = new PublishedSettings(what, json);
  own.fixed({ dims: 3, norm_layer: "pixel_norm", latent_log_var: "uniform", use_quant_conv: false }, hint);
  const padding = own.word("spatial_padding_mode", spatialPaddings, "zeros");
  const blocks = (name: string) => partsOf(json[name] ?? json["blocks"], name);
  const config: LtxVaeConfig = {
    latentChannels: own.count("latent_channels", 128),
    patch: own.count("patch_size", 1),
    shortcutEpsilon: 1e-6,
    ...(padding === "zeros" ? {} : { padding }),
    encoder: { ...encoderOf(blocks("encoder_blocks"), own.count("encoder_base_channels", 128)), causal: true },
    decoder: {
      ...decoderOf(blocks("decoder_blocks"), own.count("decoder_base_channels", 128)),
      causal: own.flag("causal_decoder", false),
      timestep: own.flag("timestep_conditioning", false),
    },
  };
  checkStages(config, own);
  return config;
}
