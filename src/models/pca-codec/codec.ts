/**
 * A linear autoencoder in closed form: blocks of pixels to their principal components and back, the first frame by
 * blocks of its own. Causal like the learned ones: F frames give (F - 1) / t + 1.
 */
import { PublishedSettings } from "../../base/published-settings.ts";
import { Linear } from "../../nn/linear.ts";
import { sizeOf } from "../../tensor/dtype.ts";
import { concat, type Tensor } from "../../tensor/tensor.ts";

export interface PcaCodecConfig {
  /** Frames, rows and columns of a block. */
  readonly cell: readonly [number, number, number];
  readonly channels: number;
}

export const className = "PcaCodec";

export const toJson = ({ cell, channels }: PcaCodecConfig): Record<string, unknown> => ({
  _class_name: className,
  cell,
  latent_channels: channels,
});

/** @throws CheckpointError for settings that are none of these */
export function fromJson(json: Record<string, unknown>): PcaCodecConfig {
  const own = new PublishedSettings("the autoencoder's settings", json);
  const cell = own.counts("cell", []);
  own.check(cell.length === 3, `cell must have a number of frames, rows and columns, got ${cell.join(", ")}`);
  own.check(own.has("latent_channels"), "latent_channels is missing");
  return { cell: cell as unknown as Cell, channels: own.count("latent_channels", 1) };
}

type Cell = PcaCodecConfig["cell"];

/** Blocks of one size. */
class Blocks {
  readonly encode: Linear;
  readonly decode: Linear;
  readonly cell: Cell;

  constructor(cell: Cell, channels: number) {
    const size = 3 * sizeOf(cell);
    this.encode = new Linear(size, channels);
    this.decode = new Linear(channels, size);
    this.cell = cell;
  }

  /** [B, 3, F, H, W] to [B, C, f, h, w]. */
  toLatents(pixels: Tensor): Tensor {
    const [t, h, w] = this.cell;
    const [batch, colours, frames, height, width] = pixels.shape as [number, number, number, number, number];
    const blocks = pixels
      .reshape(batch, colours, frames / t, t, height / h, h, width / w, w)
      .permute(0, 2, 4, 6, 1, 3, 5, 7)
      .reshape(batch, frames / t, height / h, width / w, colours * t * h * w);
    return this.encode.forward(blocks).permute(0, 4, 1, 2, 3);
  }

  /** The way back. */
  toPixels(latents: Tensor): Tensor {
    const [t, h, w] = this.cell;
    const [batch, , frames, height, width] = latents.shape as [number, number, number, number, number];
    return this.decode
      .forward(latents.permute(0, 2, 3, 4, 1))
      .reshape(batch, frames, height, width, 3, t, h, w)
      .permute(0, 4, 1, 5, 2, 6, 3, 7)
      .reshape(batch, 3, frames * t, height * h, width * w);
  }
}

export class PcaCodec {
  readonly first: Blocks;
  readonly rest: Blocks;
  readonly config: PcaCodecConfig;

  constructor(config: PcaCodecConfig) {
    const [, h, w] = config.cell;
    this.first = new Blocks([1, h, w], config.channels);
    this.rest = new Blocks(config.cell, config.channels);
    this.config = config;
  }

  /** Pixels [B, 3, F, H, W] in [-1, 1] to latents [B, C, f, h, w] of mean 0 and deviation 1 per channel. */
  encode(pixels: Tensor): Tensor {
    const first = this.first.toLatents(pixels.slice(2, 0, 1));
    return pixels.shape[2]! > 1 ? concat([first, this.rest.toLatents(pixels.slice(2, 1))], 2) : first;
  }

  decode(latents: Tensor): Tensor {
    const first = this.first.toPixels(latents.slice(2, 0, 1));
    return latents.shape[2]! > 1 ? concat([first, this.rest.toPixels(latents.slice(2, 1))], 2) : first;
  }
}
