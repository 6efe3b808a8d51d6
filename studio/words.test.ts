import { expect, test } from "vitest";
import { duration } from "./words.ts";

test.each([
  [0.04, "0.0 s"],
  [9.96, "10 s"],
  [89.6, "1 min 30 s"],
  [119.7, "2 min 0 s"],
  [3601, "60 min 1 s"],
])("%f seconds are said as %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
