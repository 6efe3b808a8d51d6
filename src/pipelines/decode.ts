/** Latents to frames, a window of time after another and, where a frame is large, tile by tile. */
import type { Grid } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { Decoder } from "../models/ltx-vae/decoder.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { type HostTensor, hostTensor, type Shape } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { type Frame, planarFrame } from "../video/frame.ts";
import { InjectedNoise, noiseInputs } from "./decode-noise.ts";
import { type Execution, roomy } from "./execution.ts";
import { openHeld } from "./holding.ts";
import { publishedDecode, type TextToVideoModel } from "./model.ts";
import { notFinite } from "./not-finite.ts";
import { overlaps, ramp, type Tiles, tilesWithin, type Window, windows } from "./tiles.ts";

/** The most that a tile has of latent frames and of cells in each, and how many of both neighbours share at least. */
export interface Tiling {
  readonly frames: number;
  readonly cells: number;
  readonly overlap: { readonly frames: number; readonly cells: number };
}

export type DecoderModel = Pick<TextToVideoModel, "vae">;

/** The decoder on latents of one size [1, C, f, h, w] (not normalised). */
export function decodeProgram({ vae }: DecoderModel, grid: Grid, keep: Runtime["keeps"] = () => false): Program {
  const decoder = mount(new Decoder(vae.config), "decoder");
  const latents = input("latents", [1, vae.config.latentChannels, grid.frames, grid.height, grid.width]);
  const sinusoid = vae.config.decoder.timestep ? { sinusoid: input("sinusoid", [1, 256]) } : {};
  return buildProgram({ pixels: decoder.forward(latents, { ...sinusoid, ...noiseInputs(vae.config) }) }, { keep });
}

/** Windows of time, rows and columns that a clip is decoded in. */
export function tilesOf(grid: Grid, { frames, cells, overlap }: Tiling): Tiles & { times: Window[] } {
  return {
    times: windows(grid.frames, frames, overlap.frames),
    ...tilesWithin(grid, cells, overlap.cells),
  };
}

/** Frames of one window of time, still to be blended along time: planar, [3, F, H, W]. */
class Slab {
  readonly data: Float32Array;
  readonly #size: readonly [number, number, number];

  constructor(frames: number, height: number, width: number) {
    this.#size = [frames, height, width];
    this.data = new Float32Array(3 * frames * height * width);
  }

  /** Adds a tile [3, F, h, w] at (top, left), weighted by row and column. */
  add(tile: Float32Array, top: number, left: number, rows: Float32Array, columns: Float32Array): void {
    const [frames, height, width] = this.#size;
    for (let plane = 0; plane < 3 * frames; plane++)
      for (let y = 0; y < rows.length; y++) {
        const from = (plane * rows.length + y) * columns.length;
        const to = (plane * height + top + y) * width + left;
        const weight = rows[y]!;
        for (let x = 0; x < columns.length; x++) this.data[to + x]! += tile[from + x]! * weight * columns[x]!;
      }
  }

  /** Turns its first frames gradually from the last ones of an earlier window, [3, n, H, W]. */
  blend(before: Float32Array): void {
    const [frames, height, width] = this.#size;
    const area = height * width;
    const count = before.length / (3 * area);
    for (let plane = 0; plane < 3; plane++)
      for (let f = 0; f < count; f++) {
        const share = (f + 0.5) / count;
        const [from, to] = [(plane * count + f) * area, (plane * frames + f) * area];
        for (let i = 0; i < area; i++) this.data[to + i] = before[from + i]! * (1 - share) + this.data[to + i]! * share;
      }
  }

  /** The frames from `first` on, [3, n, H, W]. */
  last(first: number): Float32Array {
    const [frames, height, width] = this.#size;
    const [area, count] = [height * width, frames - first];
    const out = new Float32Array(3 * count * area);
    for (let plane = 0; plane < 3; plane++) {
      const start = plane * frames * area;
      out.set(this.data.subarray(start + first * area, start + frames * area), plane * count * area);
    }
    return out;
  }

  frame(index: number): Frame {
    const [frames, height, width] = this.#size;
    return planarFrame(this.data, index, frames, height, width);
  }
}

interface TileOptions {
  readonly timestep?: number | undefined;
  readonly injected?: ((name: string, shape: readonly [number, number]) => HostTensor) | undefined;
}

/** One program for each size of tile. */
export class TileDecoder {
  readonly #model: DecoderModel;
  readonly #runtime: Runtime;
  readonly #holding: Execution["decoder"];
  readonly #made = new Map<string, { executable: Executable; maps: (readonly [string, Shape])[] }>();
  /** The tile before, whose memory the next one takes. */
  #last: HostTensor | undefined;

  constructor(model: DecoderModel, runtime: Runtime, holding: Execution["decoder"] = "widened") {
    this.#model = model;
    this.#runtime = runtime;
    this.#holding = holding;
  }

  /**
   * Pixels [3, F, H, W] of a tile; they hold until the next one.
   * @param injected gives the maps that some decoders inject; zeros without it
   */
  async decode(
    latents: Float32Array,
    grid: Grid,
    { timestep = publishedDecode.timestep, injected = zeros }: TileOptions = {},
  ): Promise<Float32Array> {
    const { latentChannels, decoder } = this.#model.vae.config;
    const shape = [1, latentChannels, grid.frames, grid.height, grid.width];
    const key = shape.join("x");
    let made = this.#made.get(key);
    if (!made) {
      const program = decodeProgram(this.#model, grid, this.#runtime.keeps);
      const options = { weights: this.#model.vae.weights, holding: this.#holding };
      const executable = await openHeld(this.#runtime, program, options);
      const inputs = [...program.inputs].map(([name, at]) => [name, program.nodes[at]!.shape] as const);
      made = { executable, maps: inputs.filter(([name]) => name.startsWith("noise.")) };
      this.#made.set(key, made);
    }
    const feeds: Record<string, HostTensor> = { latents: hostTensor(latents, shape) };
    if (decoder.timestep) feeds["sinusoid"] = timestepSinusoid([timestep * (decoder.timestepScale ?? 1000)]);
    for (const [name, size] of made.maps) feeds[name] = injected(name, size as [number, number]);
    const { pixels } = await made.executable.run(feeds, this.#last && { pixels: this.#last });
    this.#last = pixels!;
    return pixels!.data as Float32Array;
  }

  dispose(): void {
    for (const { executable } of this.#made.values()) executable.dispose();
    this.#made.clear();
  }
}

const zeros: NonNullable<TileOptions["injected"]> = (_, shape) =>
  hostTensor(new Float32Array(shape[0] * shape[1]), shape);

export interface DecodeOptions extends Pick<Execution, "tiling" | "decoder"> {
  /** Noise level that decoders which take one are told. */
  readonly timestep?: number | undefined;
  /** Of the noise that some inject. */
  readonly seed?: number | undefined;
}

/** A box of latents [C, f, h, w]. */
function cut(latents: Float32Array, channels: number, grid: Grid, [t, y, x]: readonly [Window, Window, Window]) {
  const out = new Float32Array(channels * t.length * y.length * x.length);
  let to = 0;
  for (let c = 0; c < channels; c++)
    for (let f = t.start; f < t.start + t.length; f++)
      for (let row = y.start; row < y.start + y.length; row++) {
        const from = ((c * grid.frames + f) * grid.height + row) * grid.width + x.start;
        out.set(latents.subarray(from, from + x.length), to);
        to += x.length;
      }
  return out;
}

/**
 * Decodes latents [C, f, h, w] (not normalised) and yields the frames in order, as soon as no later window changes
 * them. A window that starts at latent frame s > 0 gives the frames from 8 s on.
 */
export async function* decodeFrames(
  model: DecoderModel,
  runtime: Runtime,
  latents: Float32Array,
  grid: Grid,
  { tiling, decoder: holding, timestep, seed = 0 }: DecodeOptions = roomy,
): AsyncGenerator<Frame> {
  const [t, h, w] = compression(model.vae.config);
  const { latentChannels } = model.vae.config;
  const { times, rows, columns } = tilesOf(grid, tiling);
  const [height, width] = [grid.height * h, grid.width * w];
  const decoder = new TileDecoder(model, runtime, holding);
  const noise = new InjectedNoise(seed, grid);
  /** Frames of the window before that this one adds to, [3, n, H, W]. */
  let shared: Float32Array | undefined;
  try {
    for (const [index, time] of times.entries()) {
      const frames = (time.length - 1) * t + 1;
      const slab = new Slab(frames, height, width);
      for (const [i, row] of rows.entries())
        for (const [j, column] of columns.entries()) {
          const box = cut(latents, latentChannels, grid, [time, row, column]);
          const size = { frames: time.length, height: row.length, width: column.length };
          const injected: TileOptions["injected"] = (name, map) => noise.cut(name, map, { row, column });
          const tile = await decoder.decode(box, size, { timestep, injected });
          const down = ramp(row.length * h, ...overlaps(rows, i, h));
          const across = ramp(column.length * w, ...overlaps(columns, j, w));
          slab.add(tile, row.start * h, column.start * w, down, across);
        }
      if (!slab.data.every(Number.isFinite)) throw await notFinite("the decoder's frames", model, ["vae"]);
      if (shared) slab.blend(shared);
      const next = times[index + 1];
      const done = next ? (next.start - time.start) * t : frames;
      shared = next ? slab.last(done) : undefined;
      for (let f = 0; f < done; f++) yield slab.frame(f);
    }
  } finally {
    decoder.dispose();
  }
}
