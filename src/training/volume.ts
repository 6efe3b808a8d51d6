/** Features of a clip on the host, place by place, for the start of the autoencoder. */
export interface Volume {
  readonly channels: number;
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** [F, H, W, C] */
  readonly data: Float32Array;
}

export type Cell = readonly [time: number, height: number, width: number];

export const places = ({ frames, height, width }: Volume): number => frames * height * width;

const empty = (channels: number, frames: number, height: number, width: number): Volume => ({
  channels,
  frames,
  height,
  width,
  data: new Float32Array(channels * frames * height * width),
});

/** Pixels [3, F, H, W] as squares of p x p: channel c·p² + i_w·p + i_h. */
export function patches(pixels: Float32Array, frames: number, height: number, width: number, p: number): Volume {
  const out = empty(3 * p * p, frames, height / p, width / p);
  let to = 0;
  for (let f = 0; f < frames; f++)
    for (let y = 0; y < out.height; y++)
      for (let x = 0; x < out.width; x++)
        for (let c = 0; c < 3; c++)
          for (let w = 0; w < p; w++)
            for (let h = 0; h < p; h++)
              out.data[to++] = pixels[((c * frames + f) * height + y * p + h) * width + x * p + w]!;
  return out;
}

/** W x + b at every place; W [O, I]. */
export function linear(x: Volume, weight: Float32Array, bias: Float32Array): Volume {
  const out = empty(bias.length, x.frames, x.height, x.width);
  const { channels } = x;
  for (let place = 0; place < places(x); place++)
    for (let o = 0; o < bias.length; o++) {
      let sum = bias[o]!;
      for (let i = 0; i < channels; i++) sum += weight[o * channels + i]! * x.data[place * channels + i]!;
      out.data[place * bias.length + o] = sum;
    }
  return out;
}

/** Neighbours in a cell become channels ((c·t + i_t)·h + i_h)·w + i_w; a halving of time repeats the first frame. */
export function gatherCells(x: Volume, [t, h, w]: Cell): Volume {
  const cells = t * h * w;
  const pad = t - 1;
  const out = empty(x.channels * cells, (x.frames + pad) / t, x.height / h, x.width / w);
  for (let f = 0; f < out.frames; f++)
    for (let y = 0; y < out.height; y++)
      for (let z = 0; z < out.width; z++)
        for (let cell = 0; cell < cells; cell++) {
          const from = placeOf(x, [f * t - pad, y * h, z * w], cell, [t, h, w]) * x.channels;
          const to = ((f * out.height + y) * out.width + z) * out.channels + cell;
          for (let c = 0; c < x.channels; c++) out.data[to + c * cells] = x.data[from + c]!;
        }
  return out;
}

/** The inverse of `gatherCells`. */
export function spreadCells(x: Volume, [t, h, w]: Cell): Volume {
  const cells = t * h * w;
  const pad = t - 1;
  const out = empty(x.channels / cells, x.frames * t - pad, x.height * h, x.width * w);
  for (let f = 0; f < x.frames; f++)
    for (let y = 0; y < x.height; y++)
      for (let z = 0; z < x.width; z++)
        for (let cell = 0; cell < cells; cell++) {
          const to = placeOf(out, [f * t - pad, y * h, z * w], cell, [t, h, w]) * out.channels;
          const from = ((f * x.height + y) * x.width + z) * x.channels + cell;
          for (let c = 0; c < out.channels; c++) out.data[to + c] = x.data[from + c * cells]!;
        }
  return out;
}

/** The place of a cell's part; what lies before the first frame is the first frame. */
function placeOf(x: Volume, [f, y, z]: Cell, cell: number, [, h, w]: Cell): number {
  const frame = Math.max(0, f + Math.floor(cell / (h * w)));
  const row = y + (Math.floor(cell / w) % h);
  return (frame * x.height + row) * x.width + z + (cell % w);
}

/** Channels averaged in groups of neighbours, or repeated as a whole, to a number of channels. */
export function fitChannels(x: Volume, channels: number): Volume {
  const out = empty(channels, x.frames, x.height, x.width);
  const group = x.channels / channels;
  for (let place = 0; place < places(x); place++)
    for (let c = 0; c < channels; c++) {
      const at = place * x.channels;
      if (group >= 1) {
        let sum = 0;
        for (let g = 0; g < group; g++) sum += x.data[at + c * group + g]!;
        out.data[place * channels + c] = sum / group;
      } else out.data[place * channels + c] = x.data[at + (c % x.channels)]!;
    }
  return out;
}

export const combine = (a: Volume, b: Volume, sign: 1 | -1 = 1): Volume => ({
  ...a,
  data: a.data.map((value, i) => value + sign * b.data[i]!),
});

/** SiLU of the pixel norm, as stands before the last convs. */
export function activate(x: Volume): Volume {
  const out = new Float32Array(x.data.length);
  for (let at = 0; at < out.length; at += x.channels) {
    let squares = 0;
    for (let c = 0; c < x.channels; c++) squares += x.data[at + c]! ** 2;
    const scale = 1 / Math.sqrt(squares / x.channels + 1e-8);
    for (let c = 0; c < x.channels; c++) {
      const value = x.data[at + c]! * scale;
      out[at + c] = value / (1 + Math.exp(-value));
    }
  }
  return { ...x, data: out };
}
