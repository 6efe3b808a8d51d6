/**
 * Whether a linear map can read a label off features: ridge regression of one-hot labels, judged by the largest score on
 * rows that it was not fitted to.
 */
import { solve } from "../base/algebra.ts";
import { InputError } from "../base/errors.ts";
import type { Features } from "./cka.ts";

/** Added to each feature's variance, as a share of the mean variance. */
const ridge = 1e-2;

export interface ProbeResult {
  /** Mean over labels of the share of its rows that is recovered, so that guessing scores 1 / labels. */
  readonly accuracy: number;
  readonly chance: number;
  /** Rows that it was judged on. */
  readonly rows: number;
}

/**
 * @param labels of the rows, whole numbers from 0
 * @param fitted rows [0, fitted) are fitted, the rest judged
 */
export function probe(features: Features, labels: readonly number[], fitted: number): ProbeResult {
  const { width } = features;
  const rows = features.data.length / width;
  if (rows !== labels.length || fitted < 2 || fitted >= rows)
    throw new InputError(`a probe of ${rows} rows with ${labels.length} labels cannot be fitted to ${fitted}`);
  const weights = fit(features, labels, fitted);
  const classes = weights.length / (width + 1);
  const seen = new Map<number, { asked: number; right: number }>();
  for (let row = fitted; row < rows; row++) {
    let best = 0,
      highest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) {
      let score = weights[width * classes + k]!;
      for (let i = 0; i < width; i++) score += features.data[row * width + i]! * weights[i * classes + k]!;
      if (score > highest) [best, highest] = [k, score];
    }
    const tally = seen.get(labels[row]!) ?? { asked: 0, right: 0 };
    tally.asked++;
    if (best === labels[row]) tally.right++;
    seen.set(labels[row]!, tally);
  }
  const shares = [...seen.values()].map(({ asked, right }) => right / asked);
  const accuracy = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return { accuracy, chance: 1 / shares.length, rows: rows - fitted };
}

/** [width + 1, classes]: weights, then biases. Rows weigh as much as their label is rare. */
function fit({ width, data }: Features, labels: readonly number[], fitted: number): Float64Array {
  const classes = Math.max(...labels) + 1;
  const counts = new Float64Array(classes);
  for (const label of labels.slice(0, fitted)) counts[label]!++;
  const size = width + 1;
  const gram = new Float64Array(size * size);
  const right = new Float64Array(size * classes);
  const row = new Float64Array(size).fill(1);
  for (let r = 0; r < fitted; r++) {
    row.set(data.subarray(r * width, (r + 1) * width));
    const label = labels[r]!;
    const weight = 1 / counts[label]!;
    for (let i = 0; i < size; i++) {
      const left = weight * row[i]!;
      for (let j = 0; j <= i; j++) gram[i * size + j]! += left * row[j]!;
      right[i * classes + label]! += left;
    }
  }
  for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) gram[i * size + j] = gram[j * size + i]!;
  let trace = 0;
  for (let i = 0; i < width; i++) trace += gram[i * size + i]!;
  for (let i = 0; i < width; i++) gram[i * size + i]! += (ridge * trace) / width;
  gram[size * size - 1]! *= 1 + 1e-9;
  return solve(gram, right, size, classes);
}
