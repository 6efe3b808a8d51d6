import { expect, test } from "vitest";
import { InputError } from "../base/errors.ts";
import { parseList, parseNumber } from "./numbers.ts";

const frames = { least: 1, most: 100_000, whole: true };
const scale = { least: 0, most: 100, whole: false };

test.each([
  ["9", frames, 9],
  [" 25 ", frames, 25],
  ["1e2", frames, 100],
  ["+3", frames, 3],
  ["3.5", scale, 3.5],
  [".5", scale, 0.5],
  ["0", scale, 0],
])("reads %j", (text, limit, value) => {
  expect(parseNumber(text, "--x", limit)).toBe(value);
});

test.each(["0", "-1", "1.5", "1e9", "1e999", "NaN", "Infinity", "", " ", "12abc", "0x10", "1,5", "٣", "--frames"])(
  "refuses %j and says what it takes",
  (text) => {
    const attempt = () => parseNumber(text, "--frames", frames);
    expect(attempt).toThrow(InputError);
    expect(attempt).toThrow(`--frames must be a whole number from 1 to 100000, got ${JSON.stringify(text)}`);
  },
);

test("lists are separated by commas or spaces", () => {
  const unit = { least: 0, most: 1, whole: false };
  expect(parseList("1, 0.75,0.5 0.25", "--sigmas", unit)).toEqual([1, 0.75, 0.5, 0.25]);
  expect(() => parseList("1,x", "--sigmas", unit)).toThrow('--sigmas must be a number from 0 to 1, got "x"');
  expect(() => parseList(" , ", "--sigmas", unit)).toThrow("numbers separated by commas");
});
