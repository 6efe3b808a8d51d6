/** The two kinds of noise in decoding LTX-Video latents: a share of it in them, and maps that some decoders inject. */
import { gaussian } from "../base/philox.ts";
import type { LtxVaeConfig } from "../models/ltx-vae/config.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import { denormalise, type Statistics } from "./latents.ts";
import type { Settings } from "./model.ts";
import type { Window } from "./tiles.ts";

/**
 * (1 - s) z + s ε for latents [C, f, h, w], not normalised, of a decoder that takes a noise level; others are left alone.
 * The makers' code has ε of unit deviation where latents are normalised, diffusers where they are not.
 */
export function withDecodeNoise(
  latents: Float32Array,
  { decode }: Pick<Settings, "decode">,
  { config, statistics, seed }: { config: LtxVaeConfig; statistics: Statistics; seed: number },
): Float32Array {
  if (!decode || decode.noise === 0 || !config.decoder.timestep) return latents;
  const unit = gaussian(latents.length, seed, "decode noise");
  const noise = decode.space === "normalised" ? denormalise(unit, statistics) : unit;
  return latents.map((z, i) => (1 - decode.noise) * z + decode.noise * noise[i]!);
}

/** Inputs `noise.000`, `noise.001`, … for the maps that a decoder asks for, or none where it injects none. */
export function noiseInputs({ decoder }: LtxVaeConfig): { noise?: (height: number, width: number) => Tensor } {
  if (!decoder.injectNoise.some(Boolean)) return {};
  let count = 0;
  return { noise: (height, width) => input(`noise.${String(count++).padStart(3, "0")}`, [height, width]) };
}

/** Where a tile lies, in latent cells. */
export interface TilePlace {
  readonly row: Window;
  readonly column: Window;
}

/** Maps for whole frames, of which tiles get their parts: so neighbours agree where they overlap, in time and space. */
export class InjectedNoise {
  readonly #seed: number;
  readonly #grid: { readonly height: number; readonly width: number };
  readonly #maps = new Map<string, Float32Array>();

  constructor(seed: number, grid: { readonly height: number; readonly width: number }) {
    this.#seed = seed;
    this.#grid = grid;
  }

  /** The part [height, width] of the map called `name` that belongs to a tile. */
  cut(name: string, [height, width]: readonly [number, number], { row, column }: TilePlace): HostTensor {
    const scale = height / row.length;
    const across = this.#grid.width * scale;
    let map = this.#maps.get(name);
    if (!map) {
      map = gaussian(this.#grid.height * scale * across, this.#seed, name);
      this.#maps.set(name, map);
    }
    const part = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
      const from = (row.start * scale + y) * across + column.start * scale;
      part.set(map.subarray(from, from + width), y * width);
    }
    return hostTensor(part, [height, width]);
  }
}
