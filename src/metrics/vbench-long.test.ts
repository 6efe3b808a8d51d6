import { expect, test } from "vitest";
import { longScore, parseVbenchLong } from "./vbench-long.ts";

test("videos count alike, however many clips they have", () => {
  expect(longScore("scene", [{ clips: [0.2, 0.4, 0.6] }, { clips: [1] }])).toBeCloseTo(0.7, 12);
});

test("consistency is fused with what is between clips, where there is more than one", () => {
  const long = { clips: [0.96, 0.9754], between: 0.875 };
  expect(longScore("subject_consistency", [long])).toBeCloseTo(0.9775733, 6);
  expect(longScore("background_consistency", [long])).not.toBeCloseTo(0.9775733, 3);
  expect(longScore("motion_smoothness", [{ clips: long.clips }])).toBeCloseTo(0.9677, 12);
  expect(() => longScore("motion_smoothness", [long])).toThrow("does not look at what is between clips");
  expect(longScore("subject_consistency", [{ clips: [0.9], between: 0.1 }])).toBe(0.9);
  expect(() => longScore("subject_consistency", [{ clips: [0.9, 0.8] }])).toThrow("likeness to each other");
});

test("files of clips' results are read by dimension", () => {
  const file = { "Subject consistency": { "a.mp4": { clips: [0.5] } }, scene: { a: { clips: [0, 1] } } };
  expect([...parseVbenchLong(JSON.stringify(file), "l.json")]).toEqual([
    ["subject_consistency", 0.5],
    ["scene", 0.5],
  ]);
  for (const [text, message] of [
    ['{"scene": [0.5, []]}', "scene: "],
    ['{"scene": {}}', "there are no videos"],
    ['{"scene": {"a": {"clips": []}}}', "scene.a.clips: "],
    ['{"scene": {"a": {"clips": [52]}}}', "scene.a.clips.0: "],
    ['{"beauty": {}}', "no dimension of VBench"],
  ] as const)
    expect(() => parseVbenchLong(text, "l.json")).toThrow(message);
});
