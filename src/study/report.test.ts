import { expect, test } from "vitest";
import { baseGate, draftGate } from "./gates.ts";
import { studyPresets } from "./preset.ts";
import { report, standing } from "./report.ts";
import type { ArmLine, ResultLine } from "./results.ts";

const none = { A: undefined, B: undefined };
const arm = (name: string, seed: number, means: readonly number[]): ArmLine => ({
  kind: "arm",
  arm: name,
  seed,
  steps: 10,
  seconds: 1,
  loss: 0.5,
  kid: 0.01,
  rows: means.map((mean, prompt) => ({
    prompt,
    heldOut: prompt % 2 === 1,
    figures: { mean, joint: 0, structure: mean },
  })),
});

test("says what a number of seeds can bear", () => {
  expect(standing(1)).toBe("1 seed: a rehearsal, no conclusion");
  expect(standing(5)).toContain("cannot fall below 0.0625");
  expect(standing(8)).toBe("8 seeds");
});

test("planned contrasts of arms that are there, in points, and no others", () => {
  const lines = [1, 2].flatMap((seed) => [arm("A1", seed, [0.2, 0.4]), arm("A2", seed, [0.3, 0.5])]);
  const text = report(studyPresets.pilot, lines, none);
  expect(text).toContain("| A2 - A1 | mean | 10.0 | 10.0 to 10.0 | 0.500 | 0.500 |");
  expect(text).not.toContain("A3 - A2");
});

test("contrasts that were not planned stand apart, unadjusted", () => {
  const lines = [1, 2].flatMap((seed) => [arm("A1", seed, [0.2, 0.4]), arm("A6", seed, [0.25, 0.45])]);
  const [before, after] = report(studyPresets.pilot, lines, none).split("Not planned") as [string, string];
  expect(before).not.toContain("A6 - A1");
  expect(after).toContain("| A6 - A1 | mean | 5.0 | 5.0 to 5.0 | 0.500 |\n");
});

test("a failed gate is the first thing said", () => {
  const gate: ResultLine = draftGate([{ prompt: 0, heldOut: false, figures: { joint: 0.2 } }]);
  expect(gate).toMatchObject({ gate: "G4", passed: false });
  expect(report(studyPresets.full, [gate], none).split("\n")[2]).toMatch(/Stopped: failed gates G4/);
});

test("a base at chance does not pass", () => {
  const rows = [{ prompt: 0, heldOut: false, figures: { joint: 0.1, mean: 0.45 } }];
  expect(baseGate(rows, 0.4).passed).toBe(false);
  expect(baseGate(rows, 0.3).passed).toBe(true);
});
