/** Numbers as people type them on a command line, strictly: no "12abc", no "1e999", no empty text. */
import { InputError } from "../base/errors.ts";
import { describeLimit, type Limit } from "../schema/request.ts";

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @throws InputError that names the flag, what it takes and what it got */
export function parseNumber(text: string, flag: string, limit: Limit): number {
  const value = decimal.test(text.trim()) ? Number(text) : Number.NaN;
  const fits = value >= limit.least && value <= limit.most && (!limit.whole || Number.isInteger(value));
  if (!fits) throw new InputError(`${flag} must be ${describeLimit(limit)}, got ${JSON.stringify(text)}`);
  return value;
}

/** A reader for commander: the value of `flag` within `limit`. */
export const numberFor =
  (flag: string, limit: Limit) =>
  (text: string): number =>
    parseNumber(text, flag, limit);

/** Numbers separated by commas or spaces. */
export function parseList(text: string, flag: string, limit: Limit): number[] {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  if (!parts.length) throw new InputError(`${flag} must be numbers separated by commas, got ${JSON.stringify(text)}`);
  return parts.map((part) => parseNumber(part, flag, limit));
}
