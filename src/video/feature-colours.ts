/** Features as pictures: the three directions in which they vary most become red, green and blue. */
import { leadingEigen } from "../base/algebra.ts";
import type { Frame } from "./frame.ts";

export interface FeatureMap {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [F, H, W, C] */
  readonly data: Float32Array;
}

/** Frames of one pixel a token. A component's sign is that of its largest entry, so that equal features look equal. */
export function featureFrames({ frames, height, width, channels, data }: FeatureMap): Frame[] {
  const tokens = frames * height * width;
  const mean = new Float64Array(channels);
  for (const [i, value] of data.entries()) mean[i % channels]! += value / tokens;
  const centred = Float64Array.from(data, (value, i) => value - mean[i % channels]!);
  const covariance = new Float64Array(channels * channels);
  for (let token = 0; token < tokens; token++)
    for (let i = 0; i < channels; i++) {
      const value = centred[token * channels + i]!;
      for (let j = 0; j <= i; j++) covariance[i * channels + j]! += value * centred[token * channels + j]!;
    }
  for (let i = 0; i < channels; i++)
    for (let j = 0; j < i; j++) covariance[j * channels + i] = covariance[i * channels + j]!;
  const { vectors } = leadingEigen(covariance, channels, Math.min(3, channels), 30);
  const planes = [0, 1, 2].map((c) =>
    c < channels ? coordinate(centred, vectors, c, channels) : new Float64Array(tokens).fill(0.5),
  );
  return Array.from({ length: frames }, (_, f) => {
    const out = new Uint8Array(3 * height * width);
    for (let place = 0; place < height * width; place++)
      for (let c = 0; c < 3; c++) {
        const share = Math.min(1, Math.max(0, planes[c]![f * height * width + place]!));
        out[3 * place + c] = Math.round(255 * share);
      }
    return { width, height, data: out };
  });
}

/** Where each token lies along a component, from 0 to 1 over two deviations to either side. */
function coordinate(centred: Float64Array, vectors: Float64Array, component: number, channels: number): Float64Array {
  const direction = vectors.subarray(component * channels, (component + 1) * channels);
  const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  const values = new Float64Array(centred.length / channels);
  for (let token = 0; token < values.length; token++)
    for (let i = 0; i < channels; i++) values[token]! += centred[token * channels + i]! * direction[i]!;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length) || 1;
  return values.map((value) => 0.5 + (Math.sign(largest || 1) * value) / (4 * deviation));
}

/** Every pixel as a square, to `width` x `height`. */
export function enlarge(frame: Frame, width: number, height: number): Frame {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const row = Math.floor((y * frame.height) / height);
      const from = 3 * (row * frame.width + Math.floor((x * frame.width) / width));
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c] = frame.data[from + c]!;
    }
  return { width, height, data };
}
