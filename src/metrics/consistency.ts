/** Whether a video keeps showing the same thing, by hand-made features where VBench takes learned ones. */
import type { Frame } from "../video/frame.ts";
import { sobel } from "./detail.ts";
import type { Meter } from "./meter.ts";
import { channelOf, cropPlane, lumaOf, type Plane } from "./plane.ts";
import { resample, shorterSide } from "./resample.ts";

const side = 224,
  cell = 8,
  bins = 9,
  thumbnail = 16,
  levels = 8;

/** Cosine of two vectors of length 1. */
export const cosine = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, at) => sum + value * b[at]!, 0);

export function unit(values: Float64Array): Float64Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length ? values.map((value) => value / length) : values;
}

/** VBench's consistency: for every frame but the first, the mean of its likeness (never below 0) to the one before and to the first. */
export class ConsistencyTally {
  #first: Float64Array | undefined;
  #last: Float64Array | undefined;
  #sum = 0;
  #count = 0;

  /** @param feature of length 1 */
  take(feature: Float64Array): void {
    if (this.#first && this.#last) {
      this.#sum += (Math.max(0, cosine(this.#last, feature)) + Math.max(0, cosine(this.#first, feature))) / 2;
      this.#count++;
    }
    this.#first ??= feature;
    this.#last = feature;
  }

  /** NaN of fewer than two frames. */
  get score(): number {
    return this.#sum / this.#count;
  }
}

/** `wf/consistency`: gradients, colours and layout of frames. */
export class ConsistencyMeter implements Meter {
  readonly #tally = new ConsistencyTally();

  take(frame: Frame): void {
    this.#tally.take(handMade(frame));
  }

  figures(): Record<string, number> {
    const { score } = this.#tally;
    return Number.isNaN(score) ? {} : { "wf/consistency": score };
  }
}

/** Histograms of oriented gradients, a histogram of Lab, and a thumbnail: each of length 1, then all of them. */
function handMade(frame: Frame): Float64Array {
  const channels = ([0, 1, 2] as const).map((channel) => square(channelOf(frame, channel)));
  const parts = [gradients(square(lumaOf(frame))), colours(channels), ...channels.map(small)];
  return unit(Float64Array.from(parts.flatMap((part) => [...unit(part)])));
}

/** The middle of a picture at 224 x 224. */
function square(plane: Plane): Plane {
  const [width, height] = shorterSide(plane.width, plane.height, side);
  const whole = resample(plane, width, height, "bilinear");
  return cropPlane(whole, (width - side) >> 1, (height - side) >> 1, side, side);
}

const small = (plane: Plane): Float64Array => resample(plane, thumbnail, thumbnail, "bilinear").data;

/** 9 unsigned orientations in each cell of 8 x 8, by magnitude. */
function gradients(plane: Plane): Float64Array {
  const { across, down } = sobel(plane);
  const cells = side / cell;
  const out = new Float64Array(cells * cells * bins);
  for (let at = 0; at < across.length; at++) {
    const [x, y] = [Math.floor((at % side) / cell), Math.floor(at / side / cell)];
    const angle = (Math.atan2(down[at]!, across[at]!) + Math.PI) % Math.PI;
    const bin = Math.min(bins - 1, Math.floor((angle / Math.PI) * bins));
    out[(y * cells + x) * bins + bin]! += Math.hypot(across[at]!, down[at]!);
  }
  return out;
}

/** 8 x 8 x 8 bins of CIE Lab (D65): L from 0 to 100, a and b from -128 to 128. */
function colours([red, green, blue]: readonly Plane[]): Float64Array {
  const out = new Float64Array(levels ** 3);
  const bin = (value: number, low: number, range: number) =>
    Math.max(0, Math.min(levels - 1, Math.floor(((value - low) / range) * levels)));
  for (let at = 0; at < red!.data.length; at++) {
    const [l, a, b] = labOf(red!.data[at]!, green!.data[at]!, blue!.data[at]!);
    out[(bin(l, 0, 100) * levels + bin(a, -128, 256)) * levels + bin(b, -128, 256)]! += 1;
  }
  return out;
}

function labOf(red: number, green: number, blue: number): [number, number, number] {
  const linear = (byte: number) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const root = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27) * (t / 116) + 16 / 116);
  const x = root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047),
    y = root(0.2126729 * r + 0.7151522 * g + 0.072175 * b),
    z = root((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
