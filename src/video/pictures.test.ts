import { crc32 } from "node:zlib";
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import { MediaError } from "../base/errors.ts";
import { blankFrame, drawText } from "./canvas.ts";
import { contactSheet } from "./contact-sheet.ts";
import { glyph, textWidth, wrapText } from "./font.ts";
import { GifEncoding, readGif } from "./gif.ts";
import { plotLines } from "./plot.ts";
import { decodePng, encodePng } from "./png.ts";
import { addPngText, readPngText, receiptKeyword } from "./png-text.ts";

const frame = {
  width: 21,
  height: 13,
  data: Uint8Array.from({ length: 21 * 13 * 3 }, (_, index) => (index * 37) & 255),
};
const prompt = '一只红色的球 🐱‍👓 "q"\n\\';

describe("a PNG", () => {
  test("keeps every byte of a picture", () => {
    expect(decodePng(encodePng(frame))).toEqual(frame);
  });

  test("carries text of any script, next to other texts", () => {
    const png = addPngText(encodePng(frame, prompt), "Other", "文");
    expect(readPngText(png, receiptKeyword)).toBe(prompt);
    expect(readPngText(png, "Other")).toBe("文");
    expect(readPngText(png, "None")).toBeUndefined();
    expect(decodePng(png)).toEqual(frame);
  });

  test("holds long texts", () => {
    const long = prompt.repeat(10_000);
    expect(readPngText(encodePng(frame, long), receiptKeyword)).toBe(long);
  });

  test("of grey, of 16 bits, with alpha or a palette comes back as RGB of 8 bits", () => {
    const one = { width: 2, height: 1 };
    const rgb = (png: Parameters<typeof encode>[0]) => [...decodePng(encode(png)).data];
    expect(rgb({ ...one, channels: 1, data: Uint8Array.of(7, 250) })).toEqual([7, 7, 7, 250, 250, 250]);
    expect(rgb({ ...one, channels: 2, data: Uint8Array.of(7, 0, 250, 9) })).toEqual([7, 7, 7, 250, 250, 250]);
    expect(rgb({ ...one, channels: 4, data: Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 9) })).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rgb({ ...one, channels: 1, depth: 16, data: Uint16Array.of(65535, 257) })).toEqual([255, 255, 255, 1, 1, 1]);
    const palette = [
      [9, 8, 7],
      [1, 2, 3],
    ];
    expect(rgb({ ...one, channels: 1, depth: 8, palette, data: Uint8Array.of(1, 0) })).toEqual([1, 2, 3, 9, 8, 7]);
  });

  test("that is cut off anywhere, or damaged, is a MediaError with its name", () => {
    const png = encodePng(frame, prompt);
    for (let length = 0; length < png.length; length += 7)
      expect(() => decodePng(png.subarray(0, length), "a.png")).toThrow(MediaError);
    for (let at = 0; at < png.length; at += 5) {
      const bad = png.slice();
      bad[at]! ^= 64;
      expect(() => decodePng(bad, "a.png")).toThrow(/^a\.png: /);
    }
  });

  test("that claims to be huge is refused before memory is taken", () => {
    const huge = encodePng(frame);
    const view = new DataView(huge.buffer, huge.byteOffset);
    view.setUint32(16, 100_000);
    view.setUint32(20, 100_000);
    view.setUint32(29, crc32(huge.subarray(12, 29)));
    expect(() => decodePng(huge, "a.png")).toThrow("a.png: a PNG of 100000x100000");
  });
});

describe("a GIF", () => {
  test.each([[24], [10], [30], [50]])("at %d frames a second lasts as long as the clip", (fps) => {
    const gif = new GifEncoding({ width: 21, height: 13, fps });
    for (let count = 0; count < 25; count++) gif.write(frame);
    const read = readGif(gif.finish(prompt));
    expect(read).toMatchObject({ comment: prompt, frames: 25 });
    expect(read.seconds).toBeCloseTo(25 / fps, 2);
  });

  test("has room for a comment of many blocks", () => {
    const gif = new GifEncoding({ width: 21, height: 13, fps: 8 });
    gif.write(frame);
    expect(readGif(gif.finish(prompt.repeat(500))).comment).toBe(prompt.repeat(500));
  });

  test("faster than players can show is refused", () => {
    expect(() => new GifEncoding({ width: 2, height: 2, fps: 60 })).toThrow("at most 50");
  });
});

describe("drawn text", () => {
  test("has a shape for every printable ASCII character, and no two look the same", () => {
    const shapes = Array.from({ length: 95 }, (_, index) => glyph(String.fromCharCode(32 + index)).join());
    expect(new Set(shapes).size).toBe(95);
    expect(shapes.every((shape) => shape.split(",").length === 5)).toBe(true);
    expect(glyph("球")).toEqual(glyph("🐱"));
  });

  test("is as wide as it says", () => {
    const canvas = blankFrame(60, 12, [0, 0, 0]);
    drawText(canvas, "HH", 0, 0, [255, 255, 255], 2);
    const lit = [...canvas.data.keys()].filter((at) => canvas.data[at]).map((at) => Math.floor(at / 3) % 60);
    expect(Math.max(...lit) + 1).toBe(textWidth("HH", 2));
  });

  test("breaks between words, and inside those that are too long", () => {
    expect(wrapText("a red ball rolls", 6)).toEqual(["a red", "ball", "rolls"]);
    expect(wrapText("abcdefghij k", 4)).toEqual(["abcd", "efgh", "ij k"]);
    expect(wrapText("  ", 4)).toEqual([]);
  });
});

test("a contact sheet shows the first and the last frame of every clip", () => {
  const clip = (base: number) => Array.from({ length: 9 }, (_, index) => blankFrame(64, 32, [base, index * 20, 0]));
  const sheet = contactSheet([{ frames: clip(50), caption: "one" }, { frames: clip(99) }], { columns: 3 });
  const seen = new Set<string>();
  for (let at = 0; at < sheet.data.length; at += 3) seen.add(sheet.data.subarray(at, at + 3).join());
  for (const base of [50, 99]) for (const index of [0, 4, 8]) expect(seen).toContain(`${base},${index * 20},0`);
  expect(seen).not.toContain("50,20,0");
});

describe("a plot", () => {
  const curve = Array.from({ length: 50 }, (_, index) => [index, Math.exp(-index / 5)] as const);

  test("draws every series in its own colour", () => {
    const plot = plotLines([
      { name: "train", points: curve },
      { name: "test", points: curve.map(([x, y]) => [x, y + 0.2] as const) },
    ]);
    const seen = new Set<string>();
    for (let at = 0; at < plot.data.length; at += 3) seen.add(plot.data.subarray(at, at + 3).join());
    expect(seen).toContain("0,114,178");
    expect(seen).toContain("213,94,0");
  });

  test("takes values that are not finite, one point, equal points, and a log scale with zeros", () => {
    const odd = [
      [0, Number.NaN],
      [1, 2],
      [2, Infinity],
      [3, 0],
      [4, 1e-9],
      [5, 1e9],
    ] as const;
    expect(plotLines([{ name: "odd", points: odd }], { logY: true }).width).toBe(960);
    expect(plotLines([{ name: "one", points: [[3, 7]] }]).height).toBe(540);
    expect(
      plotLines([
        {
          name: "flat",
          points: [
            [0, 0],
            [9, 0],
          ],
        },
      ]).height,
    ).toBe(540);
    expect(() => plotLines([{ name: "none", points: [] }])).toThrow("nothing to plot");
  });
});
