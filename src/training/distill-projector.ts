/**
 * From the student's states to the shape of the teacher's (Turbo2K, Sec. 3.1: spatial and temporal convolutions with
 * interpolation). It is dropped after training. Sizes of kernels are ours; the paper gives none.
 */
import { silu } from "../kernels/activations.ts";
import { replicatePad } from "../kernels/replicate-pad.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { Linear } from "../nn/linear.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { constant, parameter, type Tensor } from "../tensor/tensor.ts";

/** A grid of tokens, and how many pixels each spans along (time, height, width). */
export interface TokenPlaces {
  readonly grid: Grid;
  readonly span: readonly [number, number, number];
}

/** `nearest`: the student's frame whose pixels hold the teacher's. `linear`: between the centres of frames. */
export type FrameMatch = "nearest" | "linear";

class Conv {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(width: number, kernel: readonly [number, number, number]) {
    this.weight = parameter([width, width, ...kernel]);
    this.bias = parameter([width]);
  }
}

export class Projector {
  /** 1x3x3 on the student's grid. */
  readonly space: Conv;
  /** 3x1x1 on the teacher's. */
  readonly time: Conv;
  readonly out: Linear;

  constructor(studentWidth: number, teacherWidth: number) {
    this.space = new Conv(studentWidth, [1, 3, 3]);
    this.time = new Conv(studentWidth, [3, 1, 1]);
    this.out = new Linear(studentWidth, teacherWidth);
  }

  /** x [B, N2, W2] at `from` to [B, N1, W1] at `to`. */
  forward(x: Tensor, from: TokenPlaces, to: TokenPlaces, frames: FrameMatch): Tensor {
    const [batch, , width] = x.shape as [number, number, number];
    const { grid } = from;
    const side: [number, number] = [1, 1];
    const places = x.reshape(batch, grid.frames, grid.height, grid.width, width).permute(0, 4, 1, 2, 3);
    const h = places.conv(this.space.weight, { padding: [[0, 0], side, side] }).add(this.#bias(this.space));
    const large = interpolate(silu(h), from, to, frames);
    const padded = replicatePad(large, [side, [0, 0], [0, 0]]);
    const moved = silu(padded.conv(this.time.weight).add(this.#bias(this.time)));
    return this.out.forward(moved.permute(0, 2, 3, 4, 1).reshape(batch, -1, width));
  }

  #bias({ bias }: Conv): Tensor {
    return bias.reshape(-1, 1, 1, 1);
  }
}

/** x [B, C, f, h, w] from one grid of tokens to another: bilinear in space, `frames` in time. */
function interpolate(x: Tensor, from: TokenPlaces, to: TokenPlaces, frames: FrameMatch): Tensor {
  const [batch, channels, f, h, w] = x.shape as [number, number, number, number, number];
  const { grid } = to;
  const weights = (values: Float32Array, rows: number) => constant(hostTensor(values, [rows, values.length / rows]));
  const down = weights(spaceWeights(h, grid.height), grid.height);
  const across = weights(spaceWeights(w, grid.width), grid.width);
  const along = weights(timeWeights(f, grid.frames, from.span[0], to.span[0], frames), grid.frames);
  const space = down.matmul(x.matmul(across, { transposeB: true }));
  return along
    .matmul(space.reshape(batch, channels, f, grid.height * grid.width))
    .reshape(batch, channels, grid.frames, grid.height, grid.width);
}

/** Bilinear weights [to, from] between the centres of equal cells. */
export function spaceWeights(from: number, to: number): Float32Array {
  return between(from, to, (i) => ((i + 0.5) * from) / to - 0.5);
}

/**
 * Weights [to, from] of frames. Latent frame k of a causal autoencoder that shrinks time t times stands for the pixel
 * frames t (k - 1) + 1 to t k, and frame 0 for the first alone.
 */
export function timeWeights(
  from: number,
  to: number,
  spanFrom: number,
  spanTo: number,
  match: FrameMatch,
): Float32Array {
  if (match === "nearest") return between(from, to, (k) => Math.ceil((k * spanTo) / spanFrom));
  const centre = (k: number, span: number) => (k === 0 ? 0 : span * k - (span - 1) / 2);
  return between(from, to, (k) => {
    const pixel = centre(k, spanTo);
    // Frame 0 and the centre of frame 1 lie closer together than the others.
    const first = centre(1, spanFrom);
    return pixel < first ? pixel / first : 1 + (pixel - first) / spanFrom;
  });
}

/** Linear interpolation at places of a line of `from` points, held at its ends. */
function between(from: number, to: number, place: (i: number) => number): Float32Array {
  const out = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = Math.min(from - 1, Math.max(0, place(i)));
    const low = Math.min(from - 1, Math.floor(at));
    out[i * from + low]! += 1 - (at - low);
    if (at > low) out[i * from + low + 1]! += at - low;
  }
  return out;
}
