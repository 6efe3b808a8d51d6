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
 * Length of the constant that goes along with features of length 1. The larger, the closer the start is to linear and
 * the better its first reconstruction (18 dB at 1, 22 at 6, 27 at 20); the larger, the stiffer the net is to train.
 */
const lift = 6;
/** Channels that hold it: few, because every weight that reads a constant acts as a bias. */
const liftedChannels = 2;

const upCell = [2, 2, 2] as const;

/**
 * The net begins as a pyramid of principal components and its least-squares inverse, a few seconds of work that
 * thousands of steps from random weights do not reach (docs/decisions/vae-training.md; compare data-dependent
 * starts: Krähenbühl et al. 2016, arXiv 1511.06856). Every resnet begins as an identity; the convs between them hold one
 * tap: the encoder's keep what varies most, the decoder's undo them level by level. Two channels carry a constant:
 * a pixel norm divides brightness away unless something constant stands beside it. Latents begin nearly white and with
 * little noise.
 */
export function initialVaeWeights(model: LtxVae, seed: number, clips: readonly StartClip[]): Map<string, HostTensor> {
  const { config } = model.encoder;
  checkMirrored(config);
  const weights = initialWeights(model, seed, { gain: (name) => (name.endsWith("conv2.weight") ? 0 : 1) });
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
  const first = principal(squares, config.encoder.channels[0]!);
  const convIn = { ...first, bias: lifted(first.bias) };
  put("encoder.convIn", convIn);
  /** Features before each halving, and at the end. */
  const levels: Volume[][] = [squares.map((x) => linear(x, convIn.weight, convIn.bias))];
  for (const [i, scaling] of config.encoder.down.entries()) {
    const outer = config.encoder.channels[i + 1]!;
    const cell = strideOf[scaling];
    const own = levels.at(-1)!;
    const fit = principal(own, outer / (cell[0] * cell[1] * cell[2]));
    put(`encoder.blocks.${i}.down.conv`, fit);
    levels.push(
      own.map((x) =>
        combine(gatherCells(linear(x, fit.weight, fit.bias), cell), fitChannels(gatherCells(x, cell), outer)),
      ),
    );
  }
  const ends = levels.at(-1)!.map(activate);
  const toLatents = principal(ends, config.latentChannels, { whiten: true });
  const latents = ends.map((x) => linear(x, toLatents.weight, toLatents.bias));
  const size = ends[0]!.channels;
  put("encoder.convOut", {
    weight: Float32Array.from([...toLatents.weight, ...new Float32Array(size)]),
    bias: Float32Array.from([...toLatents.bias, -5]),
  });

  const fromLatents = leastSquares(latents, levels.at(-1)!);
  put("decoder.convIn", fromLatents);
  let here = latents.map((x) => linear(x, fromLatents.weight, fromLatents.bias));
  for (const [i] of config.decoder.up.entries()) {
    const targets = levels.at(-2 - i)!;
    const { channels } = targets[0]!;
    const skips = here.map((x) => fitChannels(spreadCells(x, upCell), channels));
    const missing = targets.map((target, n) => gatherCells(combine(target, skips[n]!, -1), upCell));
    const fit = leastSquares(here, missing);
    put(`decoder.blocks.${i}.up.conv`, fit);
    here = here.map((x, n) => combine(spreadCells(linear(x, fit.weight, fit.bias), upCell), skips[n]!));
  }
  put("decoder.convOut", leastSquares(here.map(activate), squares));
  return weights;
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
      hint: `with encoder channels ${encoder.channels} the decoder's are ${encoder.channels.slice(1)}, factor 2, residual`,
    });
}

function lifted(bias: Float32Array): Float32Array {
  const constant = lift * Math.sqrt(bias.length / liftedChannels);
  return bias.map((value, i) => (i >= bias.length - liftedChannels ? value + constant : value));
}
