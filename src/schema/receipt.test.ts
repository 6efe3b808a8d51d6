import { expect, test } from "vitest";
import { MediaError } from "../base/errors.ts";
import { formatReceipt, parseReceipt, type Receipt } from "./receipt.ts";

const receipt: Receipt = {
  engine: { name: "turbo2k", version: "0.1.0" },
  models: [{ name: "mini", sha256: "ab".repeat(32) }],
  prompt: "一只红色的球 🐱‍👓",
  negativePrompt: "",
  seed: Number.MAX_SAFE_INTEGER,
  sigmas: [1, 0.1 + 0.2, 0],
  guidanceScale: 1,
  steps: 2,
  width: 720,
  height: 480,
  generatedWidth: 736,
  generatedHeight: 480,
  frames: 25,
  fps: 30000 / 1001,
  device: "cpu",
  runtime: "ort",
  framesSha256: "cd".repeat(32),
  created: "2025-01-31T12:00:00+01:00",
  extra: { lora: [{ name: "x", weight: 0.5 }] },
};

test("a receipt survives being text, to the last bit of every number", () => {
  expect(parseReceipt(formatReceipt(receipt))).toEqual(receipt);
});

test("text that is no JSON is a MediaError with the file's name", () => {
  for (const text of ["", "{", "null", "[]", '"x"', "{}", "made with love"]) {
    expect(() => parseReceipt(text, "clip.mp4")).toThrow(MediaError);
    expect(() => parseReceipt(text, "clip.mp4")).toThrow(/^clip\.mp4: the receipt is not/);
  }
});

test.each([
  ["seed", { seed: 1.5 }],
  ["seed", { seed: 2 ** 60 }],
  ["width", { width: 0 }],
  ["framesSha256", { framesSha256: "abc" }],
  ["models.0.sha256", { models: [{ name: "x", sha256: "" }] }],
  ["created", { created: "yesterday" }],
  ["surprise", { surprise: 1 }],
  ["sigmas.1", { sigmas: [1, null] }],
])("a wrong field is named: %s", (field, change) => {
  expect(() => parseReceipt(JSON.stringify({ ...receipt, ...change }))).toThrow(field);
});

test("a receipt that could not be read back is not written", () => {
  expect(() => formatReceipt({ ...receipt, sigmas: [Number.NaN] })).toThrow("sigmas.0");
});
