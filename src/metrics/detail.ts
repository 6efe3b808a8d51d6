/**
 * How much fine detail pictures hold, from the power spectrum of tiles under a Hann window. Energy alone can be gamed
 * (nearest-neighbour upsampling adds edges, noise adds everything): read it beside `blockiness` and `coherentDetail`.
 */
import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";
import { Fourier } from "./fft.ts";
import { lumaOf, type Plane } from "./plane.ts";

/** Side of a tile at 2K. */
const usualTile = 256;

/** Lowest frequency, in cycles a pixel, that upsampling from `low` to `high` rows of pixels cannot have carried over. */
export const novelBand = (low: number, high: number): number => (0.5 * low) / high;

/** Power of all tiles of all planes taken so far. */
export class Spectrum {
  readonly tile: number;
  tiles = 0;
  /** Sum over tiles of |FFT|², [tile, tile]; luma counts from 0 to 1. */
  readonly power: Float64Array;
  readonly #fourier: Fourier;
  readonly #window: Float64Array;
  /** Frequency of each place, cycles a pixel. */
  readonly #rho: Float64Array;

  /** @param tile side of the square tiles, at most the shorter side of the pictures */
  constructor(tile = usualTile) {
    this.tile = tile;
    this.power = new Float64Array(tile * tile);
    this.#fourier = new Fourier(tile);
    this.#window = Float64Array.from({ length: tile }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / tile));
    const frequency = (k: number) => Math.min(k, tile - k) / tile;
    this.#rho = Float64Array.from({ length: tile * tile }, (_, at) =>
      Math.hypot(frequency(Math.floor(at / tile)), frequency(at % tile)),
    );
  }

  /** A spectrum whose tiles fit into a picture: 256, or the largest multiple of 32 (at least 32) below. */
  static fitting({ width, height }: Pick<Plane, "width" | "height">): Spectrum {
    const side = Math.min(width, height);
    if (side < 32) throw new InputError(`detail needs pictures of at least 32x32, got ${width}x${height}`);
    return new Spectrum(Math.min(usualTile, side - (side % 32)));
  }

  /** Adds the tiles of a plane (0 to 255); what is left over at the right and the bottom is not seen. */
  take(plane: Plane): void {
    const { tile } = this;
    if (Math.min(plane.width, plane.height) < tile)
      throw new InputError(`a ${plane.width}x${plane.height} picture holds no tile of ${tile}x${tile}`);
    for (let y = 0; y + tile <= plane.height; y += tile)
      for (let x = 0; x + tile <= plane.width; x += tile) {
        const power = this.#fourier.power(this.#windowed(plane, x, y));
        for (let at = 0; at < power.length; at++) this.power[at]! += power[at]!;
        this.tiles++;
      }
  }

  #windowed({ width, data }: Plane, x: number, y: number): Float64Array {
    const { tile } = this;
    const out = new Float64Array(tile * tile);
    let sum = 0;
    for (let row = 0; row < tile; row++)
      for (let column = 0; column < tile; column++)
        sum += out[row * tile + column] = data[(y + row) * width + x + column]! / 255;
    const mean = sum / out.length;
    for (let at = 0; at < out.length; at++)
      out[at] = (out[at]! - mean) * this.#window[Math.floor(at / tile)]! * this.#window[at % tile]!;
    return out;
  }

  #energyFrom(cut: number): number {
    let sum = 0;
    for (let at = 1; at < this.power.length; at++) if (this.#rho[at]! >= cut) sum += this.power[at]!;
    return sum;
  }

  /** Share of the energy at `cut` cycles a pixel and above, the mean left out. */
  ratio(cut: number): number {
    return this.#energyFrom(cut) / this.#energyFrom(0);
  }

  /** Root mean square of what lies at `cut` cycles a pixel and above, in 8-bit code units. */
  rms(cut: number): number {
    const window = this.#window.reduce((sum, h) => sum + h * h, 0) ** 2;
    return 255 * Math.sqrt(this.#energyFrom(cut) / (this.tiles * this.tile ** 2 * window));
  }

  /** How steeply power falls: -d log power / d log frequency over rings from 0.02 to 0.4; photographs are near 2. */
  slope(): number {
    const { tile } = this;
    const sums = new Float64Array(tile),
      counts = new Float64Array(tile);
    for (let at = 1; at < this.power.length; at++) {
      const ring = Math.round(this.#rho[at]! * tile);
      sums[ring]! += this.power[at]!;
      counts[ring]! += 1;
    }
    const points: [number, number][] = [];
    for (let ring = 1; ring < tile; ring++)
      if (ring / tile >= 0.02 && ring / tile <= 0.4 && sums[ring]! > 0)
        points.push([Math.log(ring / tile), Math.log(sums[ring]! / counts[ring]!)]);
    const mean = (pick: (point: [number, number]) => number) =>
      points.reduce((sum, point) => sum + pick(point), 0) / points.length;
    const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
    return -mean(([at, value]) => (at - x) * (value - y)) / mean(([at]) => (at - x) ** 2);
  }
}

/** Spectrum of all frames of a clip. */
export function spectrumOf(frames: readonly Frame[], tile?: number): Spectrum {
  if (!frames.length) throw new InputError("a spectrum needs at least one frame");
  const spectrum = tile ? new Spectrum(tile) : Spectrum.fitting(frames[0]!);
  for (const frame of frames) spectrum.take(lumaOf(frame));
  return spectrum;
}

/** Variance of the 4-neighbour Laplacian at inner pixels. */
export function laplacianVariance({ width, height, data }: Plane): number {
  let [sum, squares] = [0, 0];
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const value = data[at - 1]! + data[at + 1]! + data[at - width]! + data[at + width]! - 4 * data[at]!;
      sum += value;
      squares += value * value;
    }
  const count = (width - 2) * (height - 2);
  return squares / count - (sum / count) ** 2;
}

/** Sobel gradients [right, down] at inner pixels; 0 along the border. */
export function sobel({ width, height, data }: Plane): { across: Float64Array; down: Float64Array } {
  const across = new Float64Array(width * height),
    down = new Float64Array(width * height);
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const [a, b, c] = [data[at - width - 1]!, data[at - width]!, data[at - width + 1]!];
      const [d, f] = [data[at - 1]!, data[at + 1]!];
      const [g, h, i] = [data[at + width - 1]!, data[at + width]!, data[at + width + 1]!];
      across[at] = c + 2 * f + i - a - 2 * d - g;
      down[at] = g + 2 * h + i - a - 2 * b - c;
    }
  return { across, down };
}

/** Mean squared Sobel gradient over inner pixels. */
export function tenengrad(plane: Plane): number {
  const { across, down } = sobel(plane);
  let sum = 0;
  for (let at = 0; at < across.length; at++) sum += across[at]! ** 2 + down[at]! ** 2;
  return sum / ((plane.width - 2) * (plane.height - 2));
}

/**
 * Steps across the lines of a grid of `pitch` pixels against steps elsewhere, the mean of columns and rows: about 1
 * where nothing is aligned with the grid, above it where an autoencoder's or a transformer's cells show.
 */
export function blockiness({ width, height, data }: Plane, pitch: number): number {
  const along = (length: number, lines: number, step: number, next: number): number => {
    const sums = [0, 0],
      counts = [0, 0];
    for (let place = 1; place < length; place++) {
      const on = place % pitch === 0 ? 1 : 0;
      for (let line = 0; line < lines; line++) {
        const at = place * step + line * next;
        sums[on]! += Math.abs(data[at]! - data[at - step]!);
      }
      counts[on]! += lines;
    }
    return sums[1]! / counts[1]! / (sums[0]! / counts[0]!);
  };
  return (along(width, height, 1, width) + along(height, width, width, 1)) / 2;
}
