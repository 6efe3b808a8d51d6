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
import { type Box, cut, stitch } from "./stitch.ts";
import { tilesOf } from "./tiles.ts";

export type DecoderModel = Pick<TextToVideoModel, "vae">;

/** The decoder on latents of one size [1, C, f, h, w] (not normalised). */
export function decodeProgram({ vae }: DecoderModel, grid: Grid, keep: Runtime["keeps"] = () => false): Program {
  const decoder = mount(new Decoder(vae.config), "decoder");
  const latents = input("latents", [1, vae.config.latentChannels, grid.frames, grid.height, grid.width]);
  const sinusoid = vae.config.decoder.timestep ? { sinusoid: input("sinusoid", [1, 256]) } : {};
  return buildProgram({ pixels: decoder.forward(latents, { ...sinusoid, ...noiseInputs(vae.config) }) }, { keep });
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
  const { latentChannels } = model.vae.config;
  const decoder = new TileDecoder(model, runtime, holding);
  const noise = new InjectedNoise(seed, grid);
  const decode = (box: Box): Promise<Float32Array> => {
    const { time, row, column } = box;
    const size = { frames: time.length, height: row.length, width: column.length };
    return decoder.decode(cut(latents, latentChannels, grid, box), size, {
      timestep,
      injected: (name, map) => noise.cut(name, map, { row, column }),
    });
  };
  try {
    const scale = compression(model.vae.config);
    for await (const { slab, count } of stitch(tilesOf(grid, tiling), { channels: 3, scale }, decode)) {
      if (!slab.data.every(Number.isFinite)) throw await notFinite("the decoder's frames", model, ["vae"]);
      for (let f = 0; f < count; f++) yield planarFrame(slab.data, f, slab.frames, slab.height, slab.width);
    }
  } finally {
    decoder.dispose();
  }
}
