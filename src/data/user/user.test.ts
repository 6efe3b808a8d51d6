import { expect, test } from "vitest";
import { parseCaptions } from "./captions.ts";
import { Draws } from "./draw.ts";
import { type Entry, framesAt, misfit } from "./entry.ts";
import { vocabularyOf } from "./vocabulary.ts";

const entry = (change: Partial<Entry>): Entry => ({
  file: "a.mp4",
  size: 1,
  modified: 1,
  width: 1920,
  height: 1080,
  seconds: 4,
  ...change,
});
const limits = { fps: 24, enlarge: 1, crop: 0.25 };

test("captions come from JSON lines", () => {
  const text =
    '{"file": "./a.mp4", "caption": "a  cat\\n asleep"}\n\n{"video": "b\\\\c.mp4", "text": "two", "score": 3}\n';
  expect([...parseCaptions(text, "list.jsonl")]).toEqual([
    ["a.mp4", "a cat asleep"],
    ["b/c.mp4", "two"],
  ]);
});

test("captions come from CSV, with commas, quotes and line breaks inside", () => {
  const text = '\ufefffile_name,Caption\r\na.mp4,"a cat, ""asleep"",\r\nat noon"\r\nb.png,plain\r\n';
  expect([...parseCaptions(text, "list.csv")]).toEqual([
    ["a.mp4", 'a cat, "asleep", at noon'],
    ["b.png", "plain"],
  ]);
});

test.each([
  ['{"file": "a"}', /line 1: expected a file and a caption/],
  ['{"file": "a", "caption": "b"}\n{', /line 2: not JSON/],
  ["{}\n[]", /line 1/],
  ["file,caption\na.mp4,a cat, asleep", /row 2: expected 2 fields, got 3/],
  ['file,caption\na.mp4,"a cat', /never closed/],
  ["name,words\na,b", /row 2: expected a file and a caption/],
  ["file,caption\na,b\na,c", /row 3: a is there twice/],
])("refuses %j", (text, message) => {
  expect(() => parseCaptions(text, "list")).toThrow(message);
});

test("a caption of 10,000 words is one caption", () => {
  const caption = Array.from({ length: 10_000 }, (_, i) => `word${i}`).join(" ");
  expect(parseCaptions(JSON.stringify({ file: "a", caption }), "list").get("a")).toBe(caption);
});

test("files serve the sizes that they are long, large and wide enough for", () => {
  const wide = { width: 960, height: 544, frames: 49 };
  expect(misfit(entry({}), wide, limits)).toBeUndefined();
  expect(misfit(entry({ seconds: 2 }), wide, limits)).toBe("48 frames at 24 a second, 49 are needed");
  expect(misfit(entry({ width: 640, height: 360 }), wide, limits)).toMatch("too small");
  expect(misfit(entry({ width: 640, height: 360 }), wide, { ...limits, enlarge: 2 })).toBeUndefined();
  expect(misfit(entry({ width: 1080, height: 1920 }), wide, limits)).toMatch("68 % of 1080x1920 would be cut away");
  expect(misfit(entry({ seconds: 0 }), { ...wide, frames: 1 }, limits)).toBeUndefined();
  expect(misfit(entry({ seconds: 0 }), wide, limits)).toMatch("1 frames");
  expect(framesAt(entry({ seconds: 0.001 }), 24)).toBe(1);
});

test("draws are functions of index and size, and take every file before any again", () => {
  const entries = Array.from({ length: 5 }, (_, i) => entry({ file: `${i}.mp4`, seconds: 1 + i }));
  const picture = { width: 64, height: 32, frames: 25 };
  const make = (seed = 7) => new Draws(entries, seed, { ...limits, crop: 0.5 });
  const [a, b] = [make(), make()];
  b.at(3, picture);
  const of = (draws: Draws) => Array.from({ length: 8 }, (_, i) => draws.at(i, picture));
  expect(of(a)).toEqual(of(b));
  expect(of(make(8))).not.toEqual(of(a));
  expect(
    new Set(
      of(a)
        .slice(0, 4)
        .map(({ entry: { file } }) => file),
    ),
  ).toEqual(new Set(["1.mp4", "2.mp4", "3.mp4", "4.mp4"]));
  expect(of(a)[4]!.entry).toBe(of(a)[0]!.entry);
  for (const { entry: one, first } of of(a)) expect(first + 25).toBeLessThanOrEqual(24 * one.seconds);
  expect(new Set(of(a).map(({ first }) => first)).size).toBeGreaterThan(3);
});

test("a vocabulary is the most frequent words in lower case", () => {
  expect(vocabularyOf(["A red Cat, a dog.", "the red—red cat"], 3)).toEqual(["red", "a", "cat"]);
});
