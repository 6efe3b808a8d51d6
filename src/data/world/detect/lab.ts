import type { Frame } from "../../../video/frame.ts";

/** CIE L*a*b* (D65): distances in it are about what eyes see; 2.3 is just noticeable. */
export type Lab = readonly [number, number, number];

const linear = Float64Array.from({ length: 256 }, (_, byte) => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

// f(t) of the definition, tabulated: the detectors convert every pixel.
const steps = 4096;
const curve = Float64Array.from({ length: steps * 1.25 + 2 }, (_, index) => {
  const t = index / steps;
  return t > 216 / 24389 ? Math.cbrt(t) : (t * 24389) / 27 / 116 + 16 / 116;
});
const bend = (t: number): number => {
  const at = Math.max(0, Math.min(1.25, t)) * steps,
    low = at | 0;
  return curve[low]! + (at - low) * (curve[low + 1]! - curve[low]!);
};

/** From linear light, channels in [0, 1]. */
export function labOf(r: number, g: number, b: number): [number, number, number] {
  const x = bend((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047),
    y = bend(0.2126729 * r + 0.7151522 * g + 0.072175 * b),
    z = bend((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** CIE76 colour difference. */
export const deltaE = (a: Lab, b: Lab): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** A picture in linear light, [height, width, 3]. */
export interface Plate {
  readonly width: number;
  readonly height: number;
  readonly light: Float32Array;
}

/** Decodes a frame to linear light and shrinks it by a whole factor (area mean), so that its height is at most `limit`. */
export function plateOf(frame: Frame, limit: number): Plate {
  const factor = Math.max(1, Math.ceil(frame.height / limit));
  const width = Math.floor(frame.width / factor),
    height = Math.floor(frame.height / factor);
  const light = new Float32Array(width * height * 3);
  const share = 1 / (factor * factor);
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++) {
      const from = (y * frame.width + x) * 3,
        to = (((y / factor) | 0) * width + ((x / factor) | 0)) * 3;
      for (let channel = 0; channel < 3; channel++)
        light[to + channel]! += linear[frame.data[from + channel]!]! * share;
    }
  }
  return { width, height, light };
}

export const labAt = (plate: Plate, pixel: number): [number, number, number] =>
  labOf(plate.light[pixel * 3]!, plate.light[pixel * 3 + 1]!, plate.light[pixel * 3 + 2]!);

export function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values.length ? values[values.length >> 1]! : Number.NaN;
}
