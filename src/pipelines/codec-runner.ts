/** The autoencoder of a teacher at work: clips to latents and back, in memory that a tile bounds. */
import type { Grid } from "../models/ltx/rope.ts";
import { hostTensor, type Shape } from "../tensor/dtype.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { type Frame, planarFrame } from "../video/frame.ts";
import type { Codec, CodecModel } from "./codec.ts";
import { latentGrid } from "./hunyuan.ts";
import type { VideoSize } from "./latents.ts";
import { type Box, cut, stitch } from "./stitch.ts";
import { tilesOf, type Window } from "./tiles.ts";

/** Pixels of a window of cells: its first cell in time is one frame. */
const framesOf = ({ start, length }: Window, t: number): Window => ({ start: start * t, length: (length - 1) * t + 1 });
const pixelsOf = ({ start, length }: Window, n: number): Window => ({ start: start * n, length: length * n });

type Way = "encode" | "decode";

/** What goes in: pixels [1, 3, F, H, W] of a grid of cells, or latents [1, C, f, h, w]. */
function shapeOf({ channels, compression: [t, h, w] }: CodecModel, way: Way, { frames, height, width }: Grid): Shape {
  if (way === "decode") return [1, channels, frames, height, width];
  return [1, 3, (frames - 1) * t + 1, height * h, width * w];
}

/** One half of a codec on a grid of cells, from `x` to `out`. */
export const codecProgram = (codec: CodecModel, way: Way, grid: Grid, keep: Runtime["keeps"]): Program =>
  buildProgram({ out: codec[way](input("x", shapeOf(codec, way, grid))) }, { keep });

/**
 * Windows and tiles overlap and are blended. A causal autoencoder makes one cell of a clip's first frame alone, and one
 * frame of its first cell; inside a clip both stand for four, so windows after the first leave theirs out.
 */
const skip = 1;

export class CodecRunner {
  readonly #codec: Codec;
  readonly #runtime: Runtime;
  readonly #made = new Map<string, Promise<Executable>>();

  constructor(codec: Codec, runtime: Runtime) {
    this.#codec = codec;
    this.#runtime = runtime;
  }

  /**
   * Pixels [3, F, H, W] in [-1, 1] to scaled latents [C, f, h, w].
   * @throws InputError for a size off the codec's grid
   */
  async encode(pixels: Float32Array, size: VideoSize): Promise<Float32Array> {
    const { channels, compression, tiling } = this.#codec;
    const [t, h, w] = compression;
    const grid = latentGrid(size, this.#codec);
    const area = grid.height * grid.width;
    const out = new Float32Array(channels * grid.frames * area);
    let done = 0;
    const tiles = stitch(tilesOf(grid, tiling), { channels, scale: [1, 1, 1], skip }, (box) => {
      const { time, row, column } = box;
      const seen = { time: framesOf(time, t), row: pixelsOf(row, h), column: pixelsOf(column, w) };
      return this.#run("encode", box, cut(pixels, 3, size, seen));
    });
    for await (const { slab, count } of tiles) {
      for (let c = 0; c < channels; c++) {
        const from = c * slab.frames * area;
        out.set(slab.data.subarray(from, from + count * area), (c * grid.frames + done) * area);
      }
      done += count;
    }
    return out;
  }

  /** Scaled latents [C, f, h, w] to frames, in order, as soon as no later window changes them. */
  async *decode(latents: Float32Array, grid: Grid): AsyncGenerator<Frame> {
    const { channels, compression: scale, tiling } = this.#codec;
    const tiles = stitch(tilesOf(grid, tiling), { channels: 3, scale, skip }, (box) =>
      this.#run("decode", box, cut(latents, channels, grid, box)),
    );
    for await (const { slab, count } of tiles)
      for (let f = 0; f < count; f++) yield planarFrame(slab.data, f, slab.frames, slab.height, slab.width);
  }

  /** One program for each size of box. */
  async #run(way: Way, { time, row, column }: Box, data: Float32Array): Promise<Float32Array> {
    const grid = { frames: time.length, height: row.length, width: column.length };
    const shape = shapeOf(this.#codec, way, grid);
    const key = `${way} ${shape.join("x")}`;
    let made = this.#made.get(key);
    if (!made) {
      const program = codecProgram(this.#codec, way, grid, this.#runtime.keeps);
      made = this.#runtime.compile(program, { weights: this.#codec.weights });
      this.#made.set(key, made);
    }
    return (await (await made).run({ x: hostTensor(data, shape) }))["out"]!.data as Float32Array;
  }

  dispose(): void {
    for (const made of this.#made.values())
      void made.then(
        (executable) => executable.dispose(),
        () => {}, // whoever asked for it has heard of it
      );
    this.#made.clear();
  }
}
