/** Frames to latents, a tile after another: each is encoded with some of its surroundings, which are then cut off. */

import type { Crop } from "../models/ltx/resize.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { Encoder } from "../models/ltx-vae/encoder.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import type { DecoderModel } from "./decode.ts";
import { type Holding, openHeld } from "./holding.ts";
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

/** A clip's pixels along (time, height, width). */
interface ClipSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

const shapeOf = ({ frames, height, width }: ClipSize) => [1, 3, frames, height, width];

/** The encoder on pixels of one size [1, 3, F, H, W]. */
export function encodeProgram(
  { vae }: { readonly vae: Pick<DecoderModel["vae"], "config"> },
  size: ClipSize,
  keep: Runtime["keeps"] = () => false,
): Program {
  const { mean } = mount(new Encoder(vae.config), "encoder").forward(input("pixels", shapeOf(size)));
  return buildProgram({ mean }, { keep });
}

/** One program for each size of tile. */
export class TileEncoder {
  readonly #model: DecoderModel;
  readonly #runtime: Runtime;
  readonly #holding: Holding;
  readonly #made = new Map<string, Promise<Executable>>();

  constructor(model: DecoderModel, runtime: Runtime, holding: Holding = "widened") {
    this.#model = model;
    this.#runtime = runtime;
    this.#holding = holding;
  }

  /** Pixels [3, F, H, W] in [-1, 1] to the posterior's mean [C, f, h, w]. */
  async encode(pixels: Float32Array, size: ClipSize): Promise<Float32Array> {
    const shape = shapeOf(size);
    const key = shape.join("x");
    let executable = this.#made.get(key);
    if (!executable) {
      const program = encodeProgram(this.#model, size, this.#runtime.keeps);
      const options = { weights: this.#model.vae.weights, holding: this.#holding };
      executable = openHeld(this.#runtime, program, options);
      this.#made.set(key, executable);
    }
    return (await (await executable).run({ pixels: hostTensor(pixels, shape) }))["mean"]!.data as Float32Array;
  }

  dispose(): void {
    for (const made of this.#made.values())
      void made.then(
        (executable) => executable.dispose(),
        () => {}, // whoever asked for it has heard of it
      );
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

/** The tiles that a whole picture is encoded in, without their margins. */
export const encodeTiles = (grid: Grid, tile = 16): Crop[] =>
  windows(grid.height, tile, 0).flatMap(({ start: top, length: height }) =>
    windows(grid.width, tile, 0).map(({ start: left, length: width }) => ({ top, left, height, width })),
  );

interface WholePicture {
  readonly grid: Grid;
  readonly draw: DrawWindow;
  readonly tile?: number;
}

/** The latents [C, f, h, w] of a whole picture, tile by tile. */
export async function encodeWhole(
  encoder: TileEncoder,
  model: DecoderModel,
  { grid, draw, tile }: WholePicture,
): Promise<Float32Array> {
  const planes = model.vae.config.latentChannels * grid.frames;
  const out = new Float32Array(planes * grid.height * grid.width);
  for (const crop of encodeTiles(grid, tile)) {
    const { top, left, height, width } = crop;
    const latents = await encodeWindow(encoder, model, { grid, crop, draw });
    for (let plane = 0; plane < planes; plane++)
      for (let y = 0; y < height; y++) {
        const from = (plane * height + y) * width;
        out.set(latents.subarray(from, from + width), (plane * grid.height + top + y) * grid.width + left);
      }
  }
  return out;
}

/** The same, with programs that are opened for it alone. */
export async function encodeTiled(
  model: DecoderModel,
  runtime: Runtime,
  { holding, ...picture }: WholePicture & { readonly holding?: Holding | undefined },
): Promise<Float32Array> {
  const encoder = new TileEncoder(model, runtime, holding);
  try {
    return await encodeWhole(encoder, model, picture);
  } finally {
    encoder.dispose();
  }
}
