/** Two-sided 95 % quantile of the normal distribution. */
const z = 1.959963984540054;

/** A share of yes among a number of questions, with its Wilson 95 % interval; of no questions nothing is known. */
export interface Share {
  readonly right: number;
  readonly asked: number;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

export function shareOf(right: number, asked: number): Share {
  if (asked === 0) return { right, asked, rate: Number.NaN, low: 0, high: 1 };
  const rate = right / asked,
    spread = z ** 2 / asked;
  const centre = (rate + spread / 2) / (1 + spread);
  const reach = (z * Math.sqrt((rate * (1 - rate)) / asked + spread / (4 * asked))) / (1 + spread);
  return {
    right,
    asked,
    rate,
    low: Math.min(rate, Math.max(0, centre - reach)),
    high: Math.max(rate, Math.min(1, centre + reach)),
  };
}

/**
 * `before` minus `after` with Newcombe's 95 % interval, built from the two Wilson intervals as if the shares came from
 * different clips: of the same clips, wider than need be.
 */
export function difference(before: Share, after: Share): { value: number; low: number; high: number } {
  const value = before.rate - after.rate;
  return {
    value,
    low: value - Math.hypot(before.rate - before.low, after.high - after.rate),
    high: value + Math.hypot(before.high - before.rate, after.rate - after.low),
  };
}
