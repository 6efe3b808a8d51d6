/** Frames to latents, a tile after another: each is encoded with some of its surroundings, which are then cut off. */

import type { Crop } from "../models/ltx/resize.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { Encoder } from "../models/ltx-vae/encoder.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import type { DecoderModel } from "./decode.ts";
import { windows } from "./tiles.ts";

/** Cells around a tile that its encoder sees: as far as a cell of the mini autoencoder reads (120 pixels). */
const margin = 4;

/** A crop with its margin, as far as that lies in the picture. */
export function withMargin({ top, left, height, width }: Crop, { height: rows, width: columns }: Grid): Crop {
  const [first, start] = [Math.max(0, top - margin), Math.max(0, left - margin)];
  const [last, end] = [Math.min(rows, top + height + margin), Math.min(columns, left + width + margin)];
  return { top: first, left: start, height: last - first, width: end - start };
}

/** Part of planes [P, rows, columns] that a crop of a larger crop is. */
export function cutOut(data: Float32Array, planes: number, from: Crop, part: Crop): Float32Array {
  const out = new Float32Array(planes * part.height * part.width);
  const [dy, dx] = [part.top - from.top, part.left - from.left];
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < part.height; y++) {
      const start = (plane * from.height + dy + y) * from.width + dx;
      out.set(data.subarray(start, start + part.width), (plane * part.height + y) * part.width);
    }
  return out;
}

/** One program for each size of tile. */
export class TileEncoder {
  readonly #model: DecoderModel;
  readonly #runtime: Runtime;
  readonly #made = new Map<string, Promise<Executable>>();

  constructor(model: DecoderModel, runtime: Runtime) {
    this.#model = model;
    this.#runtime = runtime;
  }

  /** Pixels [3, F, H, W] in [-1, 1] to the posterior's mean [C, f, h, w]. */
  async encode(pixels: Float32Array, size: { frames: number; height: number; width: number }): Promise<Float32Array> {
    const shape = [1, 3, size.frames, size.height, size.width];
    const key = shape.join("x");
    let executable = this.#made.get(key);
    if (!executable) {
      const { config, weights } = this.#model.vae;
      const { mean } = mount(new Encoder(config), "encoder").forward(input("pixels", shape));
      executable = this.#runtime.compile(buildProgram({ mean }, { keep: this.#runtime.keeps }), { weights });
      this.#made.set(key, executable);
    }
    return (await (await executable).run({ pixels: hostTensor(pixels, shape) }))["mean"]!.data as Float32Array;
  }

  dispose(): void {
    for (const made of this.#made.values()) void made.then((executable) => executable.dispose());
  }
}

/** Draws a part of the picture, in pixels: planes [3, F, height, width] in [-1, 1]. */
export type DrawWindow = (pixels: Crop) => Promise<Float32Array>;

/** The latents [C, f, h, w] of a part of a picture. */
export async function encodeWindow(
  encoder: TileEncoder,
  { vae }: DecoderModel,
  { grid, crop, draw }: { readonly grid: Grid; readonly crop: Crop; readonly draw: DrawWindow },
): Promise<Float32Array> {
  const [t, h, w] = compression(vae.config);
  const seen = withMargin(crop, grid);
  const pixels = { top: seen.top * h, left: seen.left * w, height: seen.height * h, width: seen.width * w };
  const frames = (grid.frames - 1) * t + 1;
  const latents = await encoder.encode(await draw(pixels), { frames, height: pixels.height, width: pixels.width });
  return cutOut(latents, vae.config.latentChannels * grid.frames, seen, crop);
}

/** The latents [C, f, h, w] of a whole picture, tile by tile. */
export async function encodeTiled(
  model: DecoderModel,
  runtime: Runtime,
  { grid, draw, tile = 16 }: { readonly grid: Grid; readonly draw: DrawWindow; readonly tile?: number },
): Promise<Float32Array> {
  const planes = model.vae.config.latentChannels * grid.frames;
  const out = new Float32Array(planes * grid.height * grid.width);
  const encoder = new TileEncoder(model, runtime);
  try {
    for (const { start: top, length: height } of windows(grid.height, tile, 0))
      for (const { start: left, length: width } of windows(grid.width, tile, 0)) {
        const crop = { top, left, height, width };
        const latents = await encodeWindow(encoder, model, { grid, crop, draw });
        for (let plane = 0; plane < planes; plane++)
          for (let y = 0; y < height; y++) {
            const from = (plane * height + y) * width;
            out.set(latents.subarray(from, from + width), (plane * grid.height + top + y) * grid.width + left);
          }
      }
    return out;
  } finally {
    encoder.dispose();
  }
}
