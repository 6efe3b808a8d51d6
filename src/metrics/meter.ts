import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";

/** Follows a video frame by frame, keeping no more than it needs, and ends in figures by name. */
export interface Meter {
  take(frame: Frame): void;
  /** What was too short or too small to be measured is left out. */
  figures(): Readonly<Record<string, number>>;
}

/** Figures of a clip in memory. */
export function measure(frames: Iterable<Frame>, meter: Meter): Readonly<Record<string, number>> {
  for (const frame of frames) meter.take(frame);
  return meter.figures();
}

/** Runs several meters over the same frames, which must be of one size. */
export class Meters implements Meter {
  readonly #meters: readonly Meter[];
  #size: string | undefined;

  constructor(meters: readonly Meter[]) {
    this.#meters = meters;
  }

  take(frame: Frame): void {
    const size = `${frame.width}x${frame.height}`;
    if (this.#size !== undefined && this.#size !== size)
      throw new InputError(`frames of one video must have one size: ${size} among ${this.#size}`);
    this.#size = size;
    for (const meter of this.#meters) meter.take(frame);
  }

  figures(): Record<string, number> {
    return Object.assign({}, ...this.#meters.map((meter) => meter.figures()));
  }
}

export const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
