import type { Frame } from "./frame.ts";

/** Luma weights of red and blue; green has the rest. */
export const lumaWeights = {
  bt709: { red: 0.2126, blue: 0.0722 },
  bt601: { red: 0.299, blue: 0.114 },
  bt2020: { red: 0.2627, blue: 0.0593 },
} as const;

export type YuvMatrix = keyof typeof lumaWeights;

/** Three planes of 8 bits; chroma planes may have half the width and half the height, rounded up. */
export interface YuvPlanes {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly [Uint8Array, Uint8Array, Uint8Array];
  readonly strides: readonly [number, number, number];
  /** log2 of how many luma columns and rows share one chroma sample. */
  readonly shiftX: number;
  readonly shiftY: number;
  readonly matrix: YuvMatrix;
  /** Luma in 0..255 instead of 16..235. */
  readonly fullRange: boolean;
}

/**
 * 4:2:0 planes in one buffer (Y, then U, then V), BT.709, luma in 16..235. Each chroma sample is the mean of its
 * two by two pixels. We convert ourselves, because encoders disagree about the matrix when they are handed RGB.
 */
export function frameToI420(frame: Frame): Uint8Array<ArrayBuffer> {
  const { width, height, data } = frame;
  const chromaWidth = (width + 1) >> 1;
  const chromaHeight = (height + 1) >> 1;
  const out = new Uint8Array(width * height + 2 * chromaWidth * chromaHeight);
  // Y = 16 + 219 (wr R + wg G + wb B) / 255; U = 128 + 224 (B - Y') / (2 (1 - wb)) / 255; likewise V. In 16.16 fixed point.
  const { red, blue } = lumaWeights.bt709;
  const fixed = (value: number) => Math.round(value * 65536);
  const yr = fixed((219 / 255) * red);
  const yb = fixed((219 / 255) * blue);
  const yg = fixed(219 / 255) - yr - yb;
  const ur = fixed(((-224 / 255) * red) / (2 * (1 - blue)));
  const ub = fixed(112 / 255);
  const vb = fixed(((-224 / 255) * blue) / (2 * (1 - red)));
  const [luma, u, v] = [0, width * height, width * height + chromaWidth * chromaHeight];
  for (let row = 0; row < chromaHeight; row++) {
    for (let column = 0; column < chromaWidth; column++) {
      let r = 0;
      let g = 0;
      let b = 0;
      let count = 0;
      for (let y = 2 * row; y < Math.min(2 * row + 2, height); y++) {
        for (let x = 2 * column; x < Math.min(2 * column + 2, width); x++) {
          const at = (y * width + x) * 3;
          const [pr, pg, pb] = [data[at]!, data[at + 1]!, data[at + 2]!];
          out[luma + y * width + x] = 16 + ((yr * pr + yg * pg + yb * pb + 32768) >> 16);
          r += pr;
          g += pg;
          b += pb;
          count++;
        }
      }
      // Sums of 4, 2 or 1 pixels; grey must give exactly 128, hence weights that sum to 0.
      const at = row * chromaWidth + column;
      const half = 32768 * count;
      out[u + at] = 128 + Math.floor((ur * r + (-ub - ur) * g + ub * b + half) / (65536 * count));
      out[v + at] = 128 + Math.floor((ub * r + (-ub - vb) * g + vb * b + half) / (65536 * count));
    }
  }
  return out;
}

/** RGB from planes; every pixel takes the chroma sample that covers it. */
export function yuvToFrame(yuv: YuvPlanes): Frame {
  const { width, height, planes, strides, shiftX, shiftY, fullRange } = yuv;
  const { red, blue } = lumaWeights[yuv.matrix];
  const green = 1 - red - blue;
  const lumaScale = fullRange ? 1 : 255 / 219;
  const chromaScale = fullRange ? 1 : 255 / 224;
  const offset = fullRange ? 0 : 16;
  const vr = 2 * (1 - red) * chromaScale;
  const ub = 2 * (1 - blue) * chromaScale;
  const vg = (-vr * red) / green;
  const ug = (-ub * blue) / green;
  const data = new Uint8Array(width * height * 3);
  const clamped = new Uint8ClampedArray(data.buffer); // rounds and clamps
  for (let y = 0; y < height; y++) {
    const chromaRow = y >> shiftY;
    for (let x = 0; x < width; x++) {
      const luma = (planes[0][y * strides[0] + x]! - offset) * lumaScale;
      const u = planes[1][chromaRow * strides[1] + (x >> shiftX)]! - 128;
      const v = planes[2][chromaRow * strides[2] + (x >> shiftX)]! - 128;
      const at = (y * width + x) * 3;
      clamped[at] = luma + vr * v;
      clamped[at + 1] = luma + ug * u + vg * v;
      clamped[at + 2] = luma + ub * u;
    }
  }
  return { width, height, data };
}
