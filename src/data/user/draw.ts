/** Which file, and which part of it, stands at an index: a pure function of seed, files and size. */
import { hashText, Random } from "../../base/philox.ts";
import type { Picture } from "../clip-source.ts";
import { type Entry, type FitLimits, framesAt, misfit } from "./entry.ts";

export interface Draw {
  readonly entry: Entry;
  /** Where the clip begins, in frames at the rate that videos are brought to. */
  readonly first: number;
}

/** Draws from the files that fit each size: all of them, in an order of their own, before any comes again. */
export class Draws {
  readonly #entries: readonly Entry[];
  readonly #seed: number;
  readonly #limits: FitLimits;
  readonly #orders = new Map<string, readonly Entry[]>();

  constructor(entries: readonly Entry[], seed: number, limits: FitLimits) {
    this.#entries = entries;
    this.#seed = seed;
    this.#limits = limits;
  }

  /** The files that can serve clips of a size, shuffled. */
  fitting(picture: Picture): readonly Entry[] {
    const key = keyOf(picture);
    let order = this.#orders.get(key);
    if (!order) {
      const fit = this.#entries.filter((entry) => misfit(entry, picture, this.#limits) === undefined);
      order = shuffled(fit, new Random(this.#seed, hashText(`order ${key}`)));
      this.#orders.set(key, order);
    }
    return order;
  }

  at(index: number, picture: Picture): Draw {
    const order = this.fitting(picture);
    const entry = order[index % order.length]!;
    const spare = framesAt(entry, this.#limits.fps) - picture.frames;
    return { entry, first: new Random(this.#seed, hashText(`first ${keyOf(picture)} ${index}`)).below(spare + 1) };
  }
}

const keyOf = ({ width, height, frames }: Picture): string => `${width}x${height}x${frames}`;

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out = [...items];
  for (let last = out.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [out[last], out[other]] = [out[other]!, out[last]!];
  }
  return out;
}
