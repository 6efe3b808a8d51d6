import { expect, test } from "vitest";
import { estimate } from "./interval.ts";
import { resultsMarkdown } from "./results-markdown.ts";
import { shareOf } from "./wilson.ts";

test("figures at any depth have their interval and their count; the rest stands below", () => {
  const results = {
    model: "mini",
    all: { clips: 4, attributes: { shape: shareOf(3, 4), none: shareOf(0, 0) }, joint: shareOf(1, 2), mean: 0.75 },
    lost: { shape: { points: 25, low: -10, high: 60, n: 4 } },
    psnr: estimate([30, 32]),
    ssim: estimate([0.9]),
    size: { width: 64 },
    prompts: [{ marks: shareOf(1, 1) }],
  };
  expect(resultsMarkdown(results)!.split("\n")).toEqual([
    "# Results",
    "",
    "| figure | value | 95 % interval | n |",
    "|---|---|---|---|",
    "| all.attributes.shape | 75.0 % | 30.1 to 95.4 | 4 |",
    "| all.joint | 50.0 % | 9.5 to 90.5 | 2 |",
    "| lost.shape | 25 points | -10 to 60 | 4 |",
    "| psnr | 31 | 18.2938 to 43.7062 | 2 |",
    "| ssim | 0.9 | - | 1 |",
    "",
    '- model: "mini"',
    '- size: {"width":64}',
    "",
  ]);
  expect(resultsMarkdown({ cka: [[1]], about: "nothing counted" })).toBeUndefined();
});
