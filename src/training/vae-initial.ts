/** Starting weights of the autoencoder, fitted to clips. */
import { InputError } from "../base/errors.ts";
import { type LtxVaeConfig, strideOf } from "../models/ltx-vae/config.ts";
import type { LtxVae } from "../models/ltx-vae/vae.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import { initialWeights } from "./initial.ts";
import { type Linear, leastSquares, principal } from "./linear-fit.ts";
import { activate, combine, fitChannels, gatherCells, linear, patches, spreadCells, type Volume } from "./volume.ts";

export interface StartClip {
  /** [3, F, H, W] in [-1, 1] */
  readonly pixels: Float32Array;
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Lengths of constants beside the signal, over the signal's. A pixel norm divides by the length of all channels: the longer the
 * constant, the nearer to a plain division by a number. Within the decoder, whose resnets learn, and at its end; at the encoder's
 * end, which may stay as it starts, so long that SiLU is linear, too.
 */
const lift = { decoder: 6, pixels: 12, latents: 200 };
/** Channels of the decoder that hold a constant: few, because every weight that reads one acts as a bias. */
const constantChannels = 2;
/** Log-variance of latents at the start: little noise, which the decoder would learn to ignore, and latents with it. */
const quiet = -7;

const upCell = [2, 2, 2] as const;

/**
 * The net begins as a linear codec that no linear codec of its size beats by much: a pyramid of principal components and its
 * least-squares inverse, a minute of work that thousands of steps from random weights do not reach
 * (docs/decisions/vae-training.md; compare data-dependent starts: Krähenbühl et al. 2016, arXiv 1511.06856). Every resnet begins
 * as an identity; the convs between them hold one tap. The encoder's keep at each level what varies most of the pixels, whatever
 * the shortcuts around them add; the decoder's undo them level by level. The decoder ends in pairs a, -a, because
 * SiLU(a) - SiLU(-a) = a. Latents begin white.
 */
export function initialVaeWeights(model: LtxVae, seed: number, clips: readonly StartClip[]): Map<string, HostTensor> {
  const { config } = model.encoder;
  checkMirrored(config);
  const weights = identityResnets(model, seed);
  const shapes = new Map([...parametersOf(model)].map(([name, { shape }]) => [name, shape]));
  const put = (layer: string, { weight, bias }: Linear) => {
    const shape = shapes.get(`${layer}.weight`)!;
    const taps = shape[2]! * shape[3]! * shape[4]!;
    // A causal conv sees two frames before the present one, and none after it.
    const centre = layer.startsWith("encoder.") ? taps - 1 - ((shape[3]! * shape[4]!) >> 1) : taps >> 1;
    const out = new Float32Array(weight.length * taps);
    for (const [i, value] of weight.entries()) out[i * taps + centre] = value;
    weights.set(`${layer}.weight`, hostTensor(out, shape));
    weights.set(`${layer}.bias`, hostTensor(bias, [bias.length]));
  };

  const squares = clips.map(({ pixels, frames, height, width }) =>
    patches(pixels, frames, height, width, config.patch),
  );
  const pyramid = encode(config, squares, put);
  const latents = pyramid.pop()!;
  decode(config, { squares, pyramid, latents }, put);
  return weights;
}

/** Random weights, but resnets that hand on what they get. */
export const identityResnets = (model: LtxVae, seed: number): Map<string, HostTensor> =>
  initialWeights(model, seed, { gain: (name) => (name.endsWith("conv2.weight") ? 0 : 1) });

type Put = (layer: string, fit: Linear) => void;

const apply = (xs: readonly Volume[], { weight, bias }: Linear): Volume[] => xs.map((x) => linear(x, weight, bias));

/** Fits the encoder. Returns the pyramid, what is kept of the pixels at each level, finest first, and at its end the latents. */
function encode({ encoder, latentChannels }: LtxVaeConfig, squares: readonly Volume[], put: Put): Volume[][] {
  const first = principal(squares, encoder.channels[0]!);
  put("encoder.convIn", first);
  const pyramid = [apply(squares, first)];
  /** What the net has at this level: the pyramid, and what shortcuts add to it. */
  let own = pyramid[0]!;
  for (const [i, scaling] of encoder.down.entries()) {
    const cell = strideOf[scaling];
    const outer = encoder.channels[i + 1]!;
    const finer = pyramid.at(-1)!;
    const kept = apply(finer, principal(finer, outer / (cell[0] * cell[1] * cell[2])));
    const fit = leastSquares(own, kept);
    const conv = i === encoder.down.length - 1 ? withConstant(fit) : fit;
    put(`encoder.blocks.${i}.down.conv`, conv);
    own = own.map((x) =>
      combine(gatherCells(linear(x, conv.weight, conv.bias), cell), fitChannels(gatherCells(x, cell), outer)),
    );
    pyramid.push(kept.map((x) => gatherCells(x, cell)));
  }
  const top = pyramid.at(-1)!;
  const white = apply(top, principal(top, latentChannels, { whiten: true }));
  const ends = own.map(activate);
  const constants = strideOf[encoder.down.at(-1)!].reduce((a, b) => a * b);
  const convOut = leastSquares(ends, white, { constants });
  put("encoder.convOut", {
    weight: Float32Array.from([...convOut.weight, ...new Float32Array(ends[0]!.channels)]),
    bias: Float32Array.from([...convOut.bias, quiet]),
  });
  return [...pyramid, apply(ends, convOut)];
}

/** The last, weakest channel gives way to a constant. */
function withConstant({ weight, bias }: Linear): Linear {
  const last = weight.length - weight.length / bias.length;
  const constant = lift.latents * Math.sqrt(bias.length);
  return {
    weight: weight.map((value, i) => (i < last ? value : 0)),
    bias: bias.map((value, i) => (i < bias.length - 1 ? value : constant)),
  };
}

interface Fitted {
  readonly squares: readonly Volume[];
  readonly pyramid: readonly Volume[][];
  readonly latents: readonly Volume[];
}

/** Fits the decoder to lead from the latents back up the pyramid. */
function decode({ decoder }: LtxVaeConfig, { squares, pyramid, latents }: Fitted, put: Put): void {
  const convIn = leastSquares(latents, pyramid.at(-1)!.map(besideConstants));
  put("decoder.convIn", convIn);
  let here = apply(latents, convIn);
  for (const [i] of decoder.up.entries()) {
    const isLast = i === decoder.up.length - 1;
    const targets = pyramid.at(-2 - i)!.map(isLast ? inPairs : besideConstants);
    const skips = here.map((x) => fitChannels(spreadCells(x, upCell), targets[0]!.channels));
    const missing = targets.map((target, n) => gatherCells(combine(target, skips[n]!, -1), upCell));
    const fit = leastSquares(here, missing, { constants: constantChannels });
    put(`decoder.blocks.${i}.up.conv`, fit);
    here = here.map((x, n) => combine(spreadCells(linear(x, fit.weight, fit.bias), upCell), skips[n]!));
  }
  put("decoder.convOut", leastSquares(here.map(activate), squares, { constants: constantChannels }));
}

const constantOf = (channels: number, length: number): number => length * Math.sqrt(channels / constantChannels);

/** The last channels give way to a constant. */
function besideConstants(x: Volume): Volume {
  const signal = x.channels - constantChannels;
  const constant = constantOf(x.channels, lift.decoder);
  return { ...x, data: x.data.map((value, i) => (i % x.channels < signal ? value : constant)) };
}

/** The strongest components, each beside its negative, and constants. */
function inPairs(x: Volume): Volume {
  const signal = x.channels - constantChannels;
  const constant = constantOf(x.channels, lift.pixels);
  const data = x.data.map((_, i) => {
    const channel = i % x.channels;
    if (channel >= signal) return constant;
    const value = x.data[i - channel + (channel >> 1)]!;
    return channel % 2 ? -value : value;
  });
  return { ...x, data };
}

/** Each level of the decoder undoes one of the encoder: both need equal channels between the samplers. */
function checkMirrored({ encoder, decoder }: LtxVaeConfig): void {
  const up = decoder.channels.map((channels, i) => channels / decoder.factor[i]!);
  const down = encoder.channels.slice(0, -1);
  const regular =
    encoder.downsampler === "space-to-depth" &&
    encoder.down.every((scaling) => scaling === "both") &&
    decoder.up.every(Boolean) &&
    decoder.residual.every(Boolean) &&
    decoder.channels.at(-1) === encoder.channels.at(-1);
  if (!regular || up.join() !== down.join())
    throw new InputError("an autoencoder can be trained from scratch only if its decoder mirrors its encoder", {
      where: "model",
      hint:
        `all stages scaled and residual, the decoder's channels ending in ${encoder.channels.at(-1)}, and divided by ` +
        `their factors ${down}: they are ${up}`,
    });
}
