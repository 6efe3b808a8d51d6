/** Pieces of the LTX-Video autoencoder that encoder and decoder share. */
import { InputError } from "../../base/errors.ts";
import { silu } from "../../kernels/activations.ts";
import { pixelNorm } from "../../kernels/norms.ts";
import { Conv3d, type Conv3dPass } from "../../nn/conv3d.ts";
import { depthToSpace, spaceToDepth } from "../../nn/depth.ts";
import { LayerNorm, modulate } from "../../nn/norm.ts";
import { concat, parameter, type Tensor } from "../../tensor/tensor.ts";

/** What runs through all layers of one pass. */
export interface Pass extends Conv3dPass {
  /** The next standard normal map [H, W] to inject, asked for in the order of the convs; without it none is added. */
  readonly noise?: ((height: number, width: number) => Tensor) | undefined;
}

export interface ResnetConfig {
  readonly inner: number;
  readonly outer?: number;
  readonly injectNoise?: boolean;
  readonly timestep?: boolean;
  /** ε of the shortcut's layer norm. */
  readonly epsilon?: number;
}

/** norm, SiLU, conv, twice, around a shortcut; optionally moved by a noise level and given fresh noise. */
export class Resnet {
  readonly conv1: Conv3d;
  readonly conv2: Conv3d;
  readonly norm3: LayerNorm | undefined;
  readonly shortcut: Conv3d | undefined;
  /** [4, C]: shift and scale of both halves. */
  readonly table: Tensor | undefined;
  readonly noise1: Tensor | undefined;
  readonly noise2: Tensor | undefined;

  constructor({ inner, outer = inner, injectNoise = false, timestep = false, epsilon = 1e-6 }: ResnetConfig) {
    this.conv1 = new Conv3d(inner, outer);
    this.conv2 = new Conv3d(outer, outer);
    this.norm3 = inner === outer ? undefined : new LayerNorm(inner, epsilon);
    this.shortcut = inner === outer ? undefined : new Conv3d(inner, outer, { kernel: 1 });
    this.table = timestep ? parameter([4, inner]) : undefined;
    this.noise1 = injectNoise ? parameter([outer, 1, 1]) : undefined;
    this.noise2 = injectNoise ? parameter([outer, 1, 1]) : undefined;
  }

  /** x [B, C, F, H, W], time [B, 4 C] where the block takes a noise level, to [B, C', F, H, W]. */
  forward(x: Tensor, pass: Pass, time?: Tensor): Tensor {
    const [shift1, scale1, shift2, scale2] = this.#modulation(time);
    let h = pixelNorm(x);
    if (shift1 && scale1) h = modulate(h, shift1, scale1);
    h = addNoise(this.conv1.forward(silu(h), pass), this.noise1, pass);
    h = pixelNorm(h);
    if (shift2 && scale2) h = modulate(h, shift2, scale2);
    h = addNoise(this.conv2.forward(silu(h), pass), this.noise2, pass);
    return h.add(this.#shortcut(x, pass));
  }

  #modulation(time: Tensor | undefined): Tensor[] {
    if (!this.table || !time) return [];
    const [rows, width] = this.table.shape as [number, number];
    return this.table
      .add(time.reshape(-1, rows, width))
      .unstack(1)
      .map((part) => part.reshape(-1, width, 1, 1, 1));
  }

  #shortcut(x: Tensor, pass: Pass): Tensor {
    if (!this.shortcut || !this.norm3) return x;
    const normed = this.norm3.forward(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3);
    return this.shortcut.forward(normed, pass);
  }
}

function addNoise(h: Tensor, scale: Tensor | undefined, { noise }: Pass): Tensor {
  if (!scale || !noise) return h;
  return h.add(noise(h.shape[3]!, h.shape[4]!).mul(scale).unsqueeze(1));
}

/** Squares of pixels to channels, the column offset slower than the row offset: c·p² + i_w·p + i_h. */
export function patchify(x: Tensor, p: number): Tensor {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  return x
    .reshape(batch, channels, frames, height / p, p, width / p, p)
    .permute(0, 1, 6, 4, 2, 3, 5)
    .reshape(batch, channels * p * p, frames, height / p, width / p);
}

/** The inverse of `patchify`. */
export function unpatchify(x: Tensor, p: number): Tensor {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  return x
    .reshape(batch, channels / (p * p), p, p, frames, height, width)
    .permute(0, 1, 4, 5, 3, 6, 2)
    .reshape(batch, channels / (p * p), frames, height * p, width * p);
}

/** Halves axes: a conv whose result is rearranged into channels, plus the rearranged input averaged down (0.9.5). */
export class SpaceToDepthDown {
  readonly conv: Conv3d;
  readonly stride: readonly [number, number, number];
  readonly group: number;

  constructor(inner: number, outer: number, stride: readonly [number, number, number]) {
    const cells = stride[0] * stride[1] * stride[2];
    if ((inner * cells) % outer || outer % cells)
      throw new InputError(
        `a downsampler from ${inner} to ${outer} channels cannot average its ${inner * cells} cells evenly`,
      );
    this.conv = new Conv3d(inner, outer / cells);
    this.stride = stride;
    this.group = (inner * cells) / outer;
  }

  forward(x: Tensor, pass: Pass): Tensor {
    const frames = this.stride[0] === 2 ? concat([x.slice(2, 0, 1), x], 2) : x;
    const main = spaceToDepth(this.conv.forward(frames, pass), this.stride);
    const skip = spaceToDepth(frames, this.stride);
    const [batch, channels, ...places] = skip.shape as [number, number, number, number, number];
    if (this.group === 1) return main.add(skip);
    return main.add(skip.reshape(batch, channels / this.group, this.group, ...places).mean(2));
  }
}

/** Doubles all three axes: a conv whose channels become places, minus the first frame; optionally plus the rearranged input. */
export class DepthToSpaceUp {
  readonly conv: Conv3d;
  readonly residual: boolean;
  readonly repeats: number;

  constructor(inner: number, { residual, factor }: { residual: boolean; factor: number }) {
    this.conv = new Conv3d(inner, (inner * 8) / factor);
    this.residual = residual;
    this.repeats = 8 / factor;
  }

  forward(x: Tensor, pass: Pass): Tensor {
    const main = depthToSpace(this.conv.forward(x, pass), [2, 2, 2]).slice(2, 1);
    if (!this.residual) return main;
    const skip = depthToSpace(x, [2, 2, 2]).slice(2, 1);
    return main.add(concat(new Array<Tensor>(this.repeats).fill(skip), 1));
  }
}
