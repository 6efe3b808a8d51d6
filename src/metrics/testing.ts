/** Pictures that are pure functions of whole numbers, with figures that other programs computed of them. */
import type { Frame } from "../video/frame.ts";
import { halve, type Plane } from "./plane.ts";
import { resample } from "./resample.ts";

/** A grey of waves and noise; `kind` changes its frequencies, `time` moves it. */
export function waves(height: number, width: number, { kind = 0, time = 0 } = {}): Plane {
  const data = new Float64Array(height * width);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) {
      let h = Math.imul(i, 0x9e3779b1) ^ Math.imul(j, 0x85ebca77) ^ Math.imul(kind, 0xc2b2ae3d);
      h ^= h >>> 15;
      h = Math.imul(h, 0x2c1b3c6d);
      h ^= h >>> 12;
      h = Math.imul(h, 0x297a2d39);
      h ^= h >>> 15;
      const noise = (h >>> 0) / 2 ** 32 - 0.5;
      const strength = 4 + 70 * Math.sin((Math.PI * i) / 233) ** 2 * Math.sin((Math.PI * j) / 311) ** 2;
      const wave =
        40 * Math.sin((2 * Math.PI * (i + 2 * time)) / (17 + kind)) +
        30 * Math.cos((2 * Math.PI * (j - time)) / (11 + kind) + i / 23);
      data[i * width + j] = Math.max(0, Math.min(255, Math.floor(128 + wave + strength * noise + 0.5)));
    }
  return { width, height, data };
}

/** Means of 2 x 2 pixels, rounded. */
function halved(plane: Plane): Plane {
  const half = halve(plane);
  return { ...half, data: half.data.map((value) => Math.floor(value + 0.5)) };
}

/** Every 2 x 2 pixels replaced by their rounded mean. */
export function boxes(plane: Plane): Plane {
  const half = halved(plane);
  const data = plane.data.map((_, at) => {
    const [x, y] = [at % plane.width, Math.floor(at / plane.width)];
    return half.data[(y >> 1) * half.width + (x >> 1)]!;
  });
  return { ...plane, data };
}

/** Rounded 2 x 2 means, doubled again by a cubic with mirrored edges. */
export function cubics(plane: Plane): Plane {
  const { width, height } = plane;
  return rounded(resample(halved(plane), width, height, "matlabBicubic"));
}

const rounded = (plane: Plane): Plane => ({
  ...plane,
  data: plane.data.map((value) => Math.max(0, Math.min(255, Math.floor(value + 0.5)))),
});

/** A frame of three planes of whole numbers, or of one for all three channels. */
export function frameOf(red: Plane, green = red, blue = red): Frame {
  const data = new Uint8Array(red.data.length * 3);
  for (const [channel, plane] of [red, green, blue].entries())
    for (let pixel = 0; pixel < plane.data.length; pixel++) data[pixel * 3 + channel] = plane.data[pixel]!;
  return { width: red.width, height: red.height, data };
}

export const greyFrame = (level: number, width = 16, height = 16): Frame => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(level),
});
