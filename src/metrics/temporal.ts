/** Differences from frame to frame: flicker, what does not move at all, cuts, and what light does. */
import type { Frame } from "../video/frame.ts";
import { type Meter, meanOf } from "./meter.ts";
import { lumaOf } from "./plane.ts";

/** Mean absolute difference of all bytes. */
export function meanAbsolute({ data }: Frame, other: Frame): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += Math.abs(data[at]! - other.data[at]!);
  return sum / data.length;
}

/**
 * Neighbouring frames' mean absolute difference as VBench scores it, (255 - mean) / 255. On still scenes this is temporal
 * flickering (Huang et al. 2024); elsewhere motion lowers it, so it goes by `temporal_mae`.
 */
export class FlickerMeter implements Meter {
  #last: Frame | undefined;
  readonly #differences: number[] = [];

  take(frame: Frame): void {
    if (this.#last) this.#differences.push(meanAbsolute(this.#last, frame));
    this.#last = frame;
  }

  figures(): Record<string, number> {
    return this.#differences.length ? { temporal_mae: (255 - meanOf(this.#differences)) / 255 } : {};
  }
}

/** Difference below which a frame repeats the one before, mean levels of black and white frames, and the jump of a cut. */
const frozen = 0.5,
  black = 8,
  white = 247,
  cut = 30;

/**
 * Plain defects. `wf/frozen`: share of neighbours that are alike; `wf/black`, `wf/white`: shares of frames; `wf/cuts`: count of jumps
 * above 30 levels that are also three times the median; `wf/drift`: levels of luma a second, a fitted line's slope.
 */
export class DefectMeter implements Meter {
  readonly #fps: number;
  #last: Frame | undefined;
  readonly #differences: number[] = [];
  readonly #luma: number[] = [];

  constructor(fps: number) {
    this.#fps = fps;
  }

  take(frame: Frame): void {
    if (this.#last) this.#differences.push(meanAbsolute(this.#last, frame));
    this.#last = frame;
    const { data } = lumaOf(frame);
    this.#luma.push(data.reduce((sum, value) => sum + value, 0) / data.length);
  }

  figures(): Record<string, number> {
    const [luma, jumps] = [this.#luma, this.#differences];
    if (!luma.length) return {};
    const share = (values: readonly number[], is: (value: number) => boolean) =>
      values.filter(is).length / values.length;
    const middle = median(jumps);
    return {
      "wf/black": share(luma, (level) => level < black),
      "wf/white": share(luma, (level) => level > white),
      ...(jumps.length && {
        "wf/frozen": share(jumps, (jump) => jump < frozen),
        "wf/cuts": jumps.filter((jump) => jump > cut && jump > 3 * middle).length,
        "wf/drift": slope(luma) * this.#fps,
      }),
    };
  }
}

/**
 * How much frames jump where chunks of a chunked decoding meet, against the median jump: about 1 where no seam shows.
 * @param chunk frames a chunk
 */
export function seamRatio(frames: readonly Frame[], chunk: number): number {
  const jumps = frames.slice(1).map((frame, at) => meanAbsolute(frames[at]!, frame));
  const seams = jumps.filter((_, at) => (at + 1) % chunk === 0);
  return meanOf(seams) / median(jumps);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Least squares over 0, 1, 2, ... */
function slope(values: readonly number[]): number {
  const centre = (values.length - 1) / 2,
    mean = meanOf(values);
  let [up, down] = [0, 0];
  for (const [at, value] of values.entries()) {
    up += (at - centre) * (value - mean);
    down += (at - centre) ** 2;
  }
  return down ? up / down : 0;
}
