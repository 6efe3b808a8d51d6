import { silu } from "../../kernels/activations.ts";
import { pixelNorm } from "../../kernels/norms.ts";
import { Conv3d } from "../../nn/conv3d.ts";
import { modulate } from "../../nn/norm.ts";
import { TimestepEmbedder } from "../../nn/timestep.ts";
import { parameter, type Tensor } from "../../tensor/tensor.ts";
import type { LtxVaeConfig } from "./config.ts";
import { DepthToSpaceUp, type Pass, Resnet, unpatchify } from "./layers.ts";

/** Resnets of one width, with their own embedding of the noise level where the decoder takes one. */
class Stage {
  readonly timeEmbedder: TimestepEmbedder | undefined;
  readonly resnets: Resnet[];

  constructor(width: number, layers: number, { injectNoise, timestep }: { injectNoise: boolean; timestep: boolean }) {
    this.timeEmbedder = timestep ? new TimestepEmbedder(4 * width) : undefined;
    this.resnets = Array.from({ length: layers }, () => new Resnet({ inner: width, injectNoise, timestep }));
  }

  forward(x: Tensor, pass: Pass, sinusoid?: Tensor): Tensor {
    const time = sinusoid && this.timeEmbedder?.forward(sinusoid);
    return this.resnets.reduce((h, resnet) => resnet.forward(h, pass, time), x);
  }
}

class UpBlock {
  readonly narrow: Resnet | undefined;
  readonly up: DepthToSpaceUp | undefined;
  readonly stage: Stage;

  constructor(
    inner: number,
    outer: number,
    layers: number,
    scale: boolean,
    o: { injectNoise: boolean; timestep: boolean; residual: boolean; factor: number; epsilon: number | undefined },
  ) {
    this.narrow = inner === outer ? undefined : new Resnet({ inner, outer, ...o });
    this.up = scale ? new DepthToSpaceUp(outer * o.factor, o) : undefined;
    this.stage = new Stage(outer, layers, o);
  }

  forward(x: Tensor, pass: Pass, sinusoid?: Tensor): Tensor {
    let h = this.narrow ? this.narrow.forward(x, pass) : x;
    if (this.up) h = this.up.forward(h, pass);
    return this.stage.forward(h, pass, sinusoid);
  }
}

/** Latents (not normalised) to pixels. */
export class Decoder {
  readonly convIn: Conv3d;
  readonly middle: Stage;
  readonly blocks: UpBlock[];
  readonly timeEmbedder: TimestepEmbedder | undefined;
  /** [2, C]: shift and scale before the last conv. */
  readonly table: Tensor | undefined;
  readonly convOut: Conv3d;
  readonly config: LtxVaeConfig;

  constructor(config: LtxVaeConfig) {
    const { timestep } = config.decoder;
    const channels = config.decoder.channels.toReversed();
    const layers = config.decoder.layers.toReversed();
    const up = config.decoder.up.toReversed();
    const injectNoise = config.decoder.injectNoise.toReversed();
    const residual = config.decoder.residual.toReversed();
    const factor = config.decoder.factor.toReversed();
    this.config = config;
    this.convIn = new Conv3d(config.latentChannels, channels[0]!);
    this.middle = new Stage(channels[0]!, layers[0]!, { injectNoise: injectNoise[0] ?? false, timestep });
    let width = channels[0]!;
    this.blocks = channels.map((own, i) => {
      const [inner, outer] = [width / factor[i]!, own / factor[i]!];
      width = outer;
      const options = {
        injectNoise: injectNoise[i + 1] ?? false,
        timestep,
        residual: residual[i]!,
        factor: factor[i]!,
        epsilon: config.shortcutEpsilon,
      };
      return new UpBlock(inner, outer, layers[i + 1]!, up[i]!, options);
    });
    this.timeEmbedder = timestep ? new TimestepEmbedder(2 * width) : undefined;
    this.table = timestep ? parameter([2, width]) : undefined;
    this.convOut = new Conv3d(width, 3 * config.patch ** 2);
  }

  /**
   * z [B, C, f, h, w] to [B, 3, F, H, W] with F = 8 (f - 1) + 1. Decoders that take a noise level need `sinusoid`
   * [B, 256] of it times `timestepScale`. Those that inject noise (0.9.1) draw maps from `noise`, the same for all
   * frames of a clip.
   */
  forward(z: Tensor, { sinusoid, noise }: { sinusoid?: Tensor; noise?: Pass["noise"] } = {}): Tensor {
    const pass: Pass = { causal: this.config.decoder.causal, padding: this.config.padding, noise };
    let h = this.convIn.forward(z, pass);
    h = this.middle.forward(h, pass, sinusoid);
    for (const block of this.blocks) h = block.forward(h, pass, sinusoid);
    h = pixelNorm(h);
    if (this.table && this.timeEmbedder && sinusoid) {
      const time = this.timeEmbedder.forward(sinusoid).reshape(-1, 2, this.table.shape[1]!);
      const [shift, scale] = this.table
        .add(time)
        .unstack(1)
        .map((part) => part.reshape(-1, this.table!.shape[1]!, 1, 1, 1));
      h = modulate(h, shift!, scale!);
    }
    return unpatchify(this.convOut.forward(silu(h), pass), this.config.patch);
  }
}
