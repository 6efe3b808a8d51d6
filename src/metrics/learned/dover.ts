/** DOVER's views of a video and its scores (Wu et al. 2023). */
import { Random } from "../../base/philox.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import type { Frame } from "../../video/frame.ts";
import { middleFrames } from "../frame-picker.ts";
import { channelOf } from "../plane.ts";
import { resample } from "../resample.ts";

const side = 224,
  cells = 7,
  fragment = 32,
  slots = 32,
  segments = 3,
  step = 2;
const mean = [123.675, 116.28, 103.53] as const,
  deviation = [58.395, 57.12, 57.375] as const;

/** Enlarged, shape kept, until a view fits. */
function atLeastView(frame: Frame): Frame {
  const short = Math.min(frame.width, frame.height);
  if (short >= side) return frame;
  const [width, height] = [frame.width, frame.height].map((size) => Math.ceil((size * side) / short)) as [
    number,
    number,
  ];
  return fromPlanes(frame, width, height);
}

function fromPlanes(frame: Frame, width: number, height: number): Frame {
  const data = new Uint8Array(width * height * 3);
  for (const channel of [0, 1, 2] as const) {
    const plane = resample(channelOf(frame, channel), width, height, "bilinear", { bytes: true });
    for (let at = 0; at < plane.data.length; at++) data[at * 3 + channel] = plane.data[at]!;
  }
  return { width, height, data };
}

/** Fills both views while a video passes. Where fragments are cut is drawn from the seed; the original draws it anew each time. */
export class DoverViews {
  /** [1, 3, 32, 224, 224] and [3, 3, 32, 224, 224]. */
  readonly #aesthetic = new Float32Array(3 * slots * side * side);
  readonly #technical = new Float32Array(segments * 3 * slots * side * side);
  readonly #aestheticSlots: readonly number[];
  /** For each segment and slot the frame that fills it. */
  readonly #technicalSlots: readonly number[][];
  readonly #offsets: readonly [number, number][][];

  constructor(frames: number, seed = 0) {
    this.#aestheticSlots = middleFrames(frames, slots);
    this.#technicalSlots = Array.from({ length: segments }, (_, segment) => {
      const first = Math.trunc((segment * frames) / segments);
      return Array.from({ length: slots }, (_, slot) => (first + slot * step) % frames);
    });
    const random = new Random(seed, "dover");
    this.#offsets = Array.from({ length: segments }, () =>
      Array.from({ length: cells * cells }, () => [random.uniform(), random.uniform()] as [number, number]),
    );
  }

  take(original: Frame, index: number): void {
    const frame = atLeastView(original);
    if (this.#aestheticSlots.includes(index)) {
      const small = fromPlanes(frame, side, side);
      for (const [slot, at] of this.#aestheticSlots.entries())
        if (at === index) put(this.#aesthetic, 0, slot, (x, y) => (y * side + x) * 3, small.data);
    }
    for (const [segment, indices] of this.#technicalSlots.entries())
      for (const [slot, at] of indices.entries())
        if (at === index) put(this.#technical, segment, slot, this.#fragmentsOf(frame, segment), frame.data);
  }

  /** Where each place of the view lies in the frame: a 7 x 7 grid of squares of 32, each somewhere in its cell. */
  #fragmentsOf({ width, height }: Frame, segment: number): (x: number, y: number) => number {
    const start = (size: number, cell: number, share: number): number => {
      const [from, to] = [Math.trunc((cell * size) / cells), Math.trunc(((cell + 1) * size) / cells)];
      return Math.min(size - fragment, from + Math.floor(share * Math.max(1, to - from - fragment + 1)));
    };
    const places = this.#offsets[segment]!.map(([u, v], cell) => [
      start(width, cell % cells, u),
      start(height, Math.floor(cell / cells), v),
    ]);
    return (x, y) => {
      const [left, top] = places[Math.floor(y / fragment) * cells + Math.floor(x / fragment)]!;
      return ((top! + (y % fragment)) * width + left! + (x % fragment)) * 3;
    };
  }

  tensors(): { aesthetic: HostTensor; technical: HostTensor } {
    return {
      aesthetic: hostTensor(this.#aesthetic, [1, 3, slots, side, side]),
      technical: hostTensor(this.#technical, [segments, 3, slots, side, side]),
    };
  }
}

function put(
  view: Float32Array,
  item: number,
  slot: number,
  from: (x: number, y: number) => number,
  data: Uint8Array,
): void {
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const at = from(x, y);
      for (let channel = 0; channel < 3; channel++)
        view[(((item * 3 + channel) * slots + slot) * side + y) * side + x] =
          (data[at + channel]! - mean[channel]!) / deviation[channel]!;
    }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** Mean and deviation of raw scores of natural videos. */
const aestheticScale = (x: number) => (x - 0.1107) / 0.07355,
  technicalScale = (x: number) => (x + 0.08285) / 0.03774;

export interface DoverScores {
  readonly aesthetic: number;
  readonly technical: number;
  /** Both, 0.6104 of the technical one. */
  readonly overall: number;
}

/**
 * Raw scores to 0 to 1. `intended` pairs each score with its own constants. `asPublished` pairs them crosswise, as the
 * published batch script does, whose values near 0.99 and 0.1 stand in papers: for comparison with those only.
 */
export function doverScores(raw: { aesthetic: number; technical: number }): {
  intended: DoverScores;
  asPublished: DoverScores;
} {
  const fuse = (aesthetic: number, technical: number): DoverScores => ({
    aesthetic: sigmoid(aesthetic),
    technical: sigmoid(technical),
    overall: sigmoid(0.6104 * technical + 0.3896 * aesthetic),
  });
  return {
    intended: fuse(aestheticScale(raw.aesthetic), technicalScale(raw.technical)),
    asPublished: fuse(technicalScale(raw.aesthetic), aestheticScale(raw.technical)),
  };
}
