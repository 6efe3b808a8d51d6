/** A mean over videos with its 95 % interval (Student's t; of one value there is none). */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
}

export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const value = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { value, low: null, high: null, n };
  const deviation = Math.sqrt(values.reduce((sum, one) => sum + (one - value) ** 2, 0) / (n - 1));
  const reach = (studentQuantile(n - 1) * deviation) / Math.sqrt(n);
  return { value, low: value - reach, high: value + reach, n };
}

/** Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const table = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
  2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];

/** Beyond the table, the expansion around the normal quantile (Abramowitz and Stegun 26.7.5). */
export function studentQuantile(freedom: number): number {
  if (freedom <= table.length) return table[freedom - 1]!;
  const z = 1.959963984540054;
  return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}
