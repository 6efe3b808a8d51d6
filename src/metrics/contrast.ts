/**
 * Differences of two arms of an experiment, paired by training seed and by prompt. The unit of inference is the seed:
 * prompts and samples only make each seed's difference more precise.
 */
import { InputError } from "../base/errors.ts";
import { Random } from "../base/philox.ts";

/** Values of one arm or of a difference: a row for each seed, a column for each prompt (1 for figures of whole sets). */
export type Table = readonly (readonly number[])[];

export const meanOfTable = (table: Table): number => mean(table.map(mean));

/** Cell by cell a - b. */
export function minus(a: Table, b: Table): Table {
  const isPaired = a.length === b.length && a.every((row, seed) => row.length === b[seed]!.length);
  if (!isPaired || !a.length) throw new InputError("arms are compared over the same seeds and prompts");
  return a.map((row, seed) => row.map((value, prompt) => value - b[seed]![prompt]!));
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * 95 % percentile interval of the mean over seeds and prompts, both drawn anew with replacement. All seeds answer the same
 * prompts, so that a draw's prompts are those of all its seeds: differences of prompts do not average out over seeds.
 */
export function bootstrap(table: Table, { draws = 10_000, seed = 0 } = {}): Interval {
  const [seeds, prompts] = [table.length, table[0]!.length];
  const random = new Random(seed, "two-level bootstrap");
  const counts = new Uint32Array(prompts);
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0);
    for (let p = 0; p < prompts; p++) counts[random.below(prompts)]!++;
    let sum = 0;
    for (let s = 0; s < seeds; s++) {
      const row = table[random.below(seeds)]!;
      for (let p = 0; p < prompts; p++) sum += counts[p]! * row[p]!;
    }
    means[draw] = sum / (seeds * prompts);
  }
  means.sort();
  const at = (share: number) => {
    const place = share * (draws - 1);
    const below = means[Math.floor(place)]!;
    return below + (means[Math.ceil(place)]! - below) * (place - Math.floor(place));
  };
  return { low: at(0.025), high: at(0.975) };
}

/**
 * Two-sided p of the exact sign-flip test: were an arm's advantage nothing, each seed's difference could as well have
 * the other sign. The share of all 2^S signs whose mean is at least as far from 0; never below 2 / 2^S.
 */
export function signFlip(differences: readonly number[]): number {
  const count = differences.length;
  if (count < 1 || count > 20) throw new InputError(`the exact sign-flip test takes 1 to 20 seeds, got ${count}`);
  const size = differences.reduce((sum, value) => sum + Math.abs(value), 0);
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0)) - 1e-12 * size;
  let extreme = 0;
  for (let signs = 0; signs < 2 ** count; signs++) {
    let sum = 0;
    for (let s = 0; s < count; s++) sum += (signs >> s) & 1 ? -differences[s]! : differences[s]!;
    if (Math.abs(sum) >= observed) extreme++;
  }
  return extreme / 2 ** count;
}

/** Holm's adjustment of a family's p-values, in their order. */
export function holm(values: readonly number[]): number[] {
  const out = new Array<number>(values.length);
  let least = 0;
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  for (const [rank, index] of order.entries()) {
    least = Math.max(least, Math.min(1, (values.length - rank) * values[index]!));
    out[index] = least;
  }
  return out;
}

export interface Contrast extends Interval {
  /** Mean paired difference. */
  readonly value: number;
  readonly seeds: number;
  /** Of the sign-flip test, before Holm's adjustment. */
  readonly p: number;
}

export function contrast(a: Table, b: Table, options: { draws?: number; seed?: number } = {}): Contrast {
  const difference = minus(a, b);
  const { low, high } = bootstrap(difference, options);
  return { value: meanOfTable(difference), low, high, seeds: a.length, p: signFlip(difference.map(mean)) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
