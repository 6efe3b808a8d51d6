import { expect, test } from "vitest";
import { Random } from "../base/philox.ts";
import { probe } from "./ridge-probe.ts";

const random = new Random(1, "probe");
const labels = Array.from({ length: 600 }, () => (random.chance(0.2) ? 1 : random.chance(0.5) ? 2 : 0));
const rows = (of: (label: number) => number[]) => {
  const data = Float32Array.from(labels.flatMap(of));
  return { width: data.length / labels.length, data };
};

test("reads what is linear in the features, whatever its share", () => {
  const told = rows((label) => [label === 1 ? 1 : 0, label === 2 ? 1 : 0, 0].map((x) => x + 0.1 * random.normal()));
  expect(probe(told, labels, 300).accuracy).toBeGreaterThan(0.97);
});

test("guesses where there is nothing to read", () => {
  const mute = rows(() => [random.normal(), random.normal()]);
  const { accuracy, chance, rows: judged } = probe(mute, labels, 300);
  expect(chance).toBeCloseTo(1 / 3, 12);
  expect(judged).toBe(300);
  expect(Math.abs(accuracy - chance)).toBeLessThan(0.1);
});

test("refuses labels of other rows", () => {
  expect(() => probe({ width: 1, data: new Float32Array(3) }, [0, 1], 2)).toThrow(/labels/);
});
