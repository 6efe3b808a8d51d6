import { expect, test } from "vitest";
import { FidelityMeter } from "./paired.ts";
import { frameOf, greyFrame } from "./testing.ts";

/** Stripes of two pixels, so many levels above and below grey. */
const stripes = (reach: number, width = 64, height = 64) =>
  frameOf({
    width,
    height,
    data: Float64Array.from({ length: width * height }, (_, at) => 128 + (at & 1 ? reach : -reach)),
  });

function ratioOf(frames: ReturnType<typeof stripes>[], references: ReturnType<typeof stripes>[]): number | undefined {
  const meter = new FidelityMeter(0.25);
  for (const [at, frame] of frames.entries()) meter.take(frame, references[at]!);
  return meter.figures()["wf/detail_log_ratio"];
}

test("detail beside the reference's counts alike above and below it", () => {
  const [weak, strong] = [stripes(20), stripes(40)];
  expect(ratioOf([weak, weak], [strong, strong])).toBeCloseTo(Math.log(2), 6);
  expect(ratioOf([strong], [weak])).toBeCloseTo(Math.log(2), 6);
  expect(ratioOf([weak, strong], [strong, weak])).toBeCloseTo(0, 12); // of whole videos, not of their frames
  expect(ratioOf([greyFrame(9, 64, 64)], [greyFrame(7, 64, 64)])).toBe(0);
});

test("pictures too small for a spectrum have no ratio of detail", () => {
  expect(ratioOf([stripes(20, 24, 24)], [stripes(40, 24, 24)])).toBeUndefined();
});
