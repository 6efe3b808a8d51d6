import { describe, expect, test } from "vitest";
import { parseVbench, vbenchDimensions, vbenchScores } from "./vbench.ts";

/** Rows of Turbo2K (arXiv 2504.14470), Table 1: total, quality, semantic, then the dimensions, in percent. */
const table: Record<string, readonly number[]> = {
  "Vchitect(VEnhancer)": [
    82.24, 83.54, 77.06, 96.83, 96.66, 98.57, 98.98, 63.89, 60.41, 65.35, 86.61, 68.84, 97.2, 87.04, 57.55, 56.57,
    23.73, 25.01, 27.57,
  ],
  "CogVideoX-1.5": [
    82.17, 82.78, 79.76, 96.87, 97.35, 98.88, 98.31, 50.93, 62.79, 65.02, 87.47, 69.65, 97.2, 87.55, 80.25, 52.91,
    24.89, 25.19, 27.3,
  ],
  "CogVideoX-5B": [
    81.61, 82.75, 77.04, 96.23, 96.52, 98.66, 96.92, 70.97, 61.98, 62.9, 85.23, 62.11, 99.4, 82.81, 66.35, 53.2, 24.91,
    25.38, 27.59,
  ],
  "CogVideoX-2B": [
    81.57, 82.51, 77.79, 96.42, 96.53, 98.45, 97.76, 58.33, 61.47, 65.6, 87.81, 69.35, 97, 86.87, 54.64, 57.51, 24.93,
    25.56, 28.01,
  ],
  "Mochi-1": [
    80.13, 82.64, 70.08, 96.99, 97.28, 99.4, 99.02, 61.85, 56.94, 60.64, 86.51, 50.47, 94.6, 79.73, 69.24, 36.99, 20.33,
    23.65, 25.15,
  ],
  "LTX-Video": [
    80.0, 82.3, 70.79, 96.56, 97.2, 99.34, 98.96, 54.35, 59.81, 60.28, 83.45, 45.43, 92.8, 81.45, 65.43, 51.07, 21.47,
    22.62, 25.19,
  ],
  "OpenSoraPlan-V1.1": [
    78.0, 80.91, 66.38, 95.73, 96.73, 99.03, 98.28, 47.72, 56.85, 62.28, 76.3, 40.35, 86.8, 89.19, 53.11, 27.17, 22.9,
    23.87, 26.52,
  ],
  Turbo2K: [
    82.78, 84.91, 74.24, 96.77, 97.2, 99.2, 98.86, 74.65, 61.78, 65.62, 85.82, 53.58, 95.2, 86.95, 75.44, 51.08, 21.01,
    22.41, 26.93,
  ],
};
/** This row's quality does not follow from its cells as printed; with aesthetic quality 60.36 for 60.86 it does. */
const hunyuan = [
  83.24, 85.09, 75.82, 97.37, 97.76, 99.44, 98.99, 70.83, 60.86, 67.56, 86.1, 68.55, 94.4, 91.6, 68.68, 53.88, 19.8,
  23.89, 26.44,
];
/** What two decimals of every cell allow. */
const rounding = 0.0136;
const names = Object.keys(vbenchDimensions);

const resultsOf = (row: readonly number[]) => new Map(names.map((name, i) => [name, row[i + 3]! / 100]));
const farthest = (row: readonly number[]) => {
  const { total, quality, semantic } = vbenchScores(resultsOf(row));
  return Math.max(...[total!, quality!, semantic!].map((score, i) => Math.abs(score - row[i]!)));
};

test.each(Object.entries(table))("the published scores of %s follow from its dimensions", (_, row) => {
  expect(farthest(row)).toBeLessThan(rounding);
});

test("a misprinted cell shows", () => {
  expect(farthest(hunyuan)).toBeGreaterThan(0.07);
  expect(farthest(hunyuan.with(8, 60.36))).toBeLessThan(rounding);
});

test("a score whose dimensions are not all there is left out", () => {
  const results = resultsOf(table["Turbo2K"]!);
  results.delete("scene");
  const scores = vbenchScores(results);
  expect(scores).toMatchObject({ semantic: undefined, total: undefined, missing: ["scene"] });
  expect(scores.quality).toBeCloseTo(84.91, 1);
});

describe("reading a result file", () => {
  test("takes VBench's form, names with spaces, and bare scores", () => {
    const text = JSON.stringify({ "subject consistency": [0.9, [{ video_path: "a" }]], scene: 0.5 });
    expect([...parseVbench(text, "r.json")]).toEqual([
      ["subject_consistency", 0.9],
      ["scene", 0.5],
    ]);
  });

  test.each([
    ["[", "not JSON"],
    ["[]", "expected an object by dimension"],
    ['{"beauty": [1]}', "no dimension of VBench"],
    ['{"scene": [52.1, []]}', "from 0 to 1"],
    ['{"scene": "good"}', "from 0 to 1"],
    ['{"scene": 0.1, "Scene": 0.2}', "twice"],
  ])("refuses %s", (text, message) => {
    expect(() => parseVbench(text, "r.json")).toThrow(message);
  });
});
