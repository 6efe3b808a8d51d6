import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Receipt } from "../../../schema/receipt.ts";
import type { Frame } from "../../../video/frame.ts";

/** Runs with an empty folder that is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-test-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Soft colours that drift from frame to frame. */
export function smoothClip(count: number, width: number, height: number): Frame[] {
  return Array.from({ length: count }, (_, frame) => {
    const data = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = (y * width + x) * 3;
        data[at] = 128 + 100 * Math.sin((x + 3 * frame) / 25);
        data[at + 1] = 128 + 100 * Math.cos((y - 2 * frame) / 31);
        data[at + 2] = (255 * (x + y)) / (width + height);
      }
    }
    return { width, height, data };
  });
}

/** Peak signal to noise ratio in decibels over two clips of one size. */
export function psnr(a: readonly Frame[], b: readonly Frame[]): number {
  let sum = 0;
  let count = 0;
  for (const [index, frame] of a.entries())
    for (let at = 0; at < frame.data.length; at++, count++) sum += (frame.data[at]! - b[index]!.data[at]!) ** 2;
  return 10 * Math.log10((255 * 255 * count) / sum);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

/** A receipt whose prompt has Chinese, an emoji, quotes and a line break in it. */
export function sampleReceipt(framesSha256: string, change: Partial<Receipt> = {}): Receipt {
  return {
    engine: { name: "turbo2k", version: "0.1.0" },
    models: [{ name: "mini", sha256: "0123456789abcdef".repeat(4) }],
    prompt: '一只红色的球向左滚动 🐱‍👓 "quoted"\nand Grüße, \\ too',
    negativePrompt: "",
    seed: 42,
    sigmas: [1, 0.75, 0.5, 0.1234567890123, 0],
    guidanceScale: 3.5,
    steps: 4,
    width: 160,
    height: 96,
    generatedWidth: 160,
    generatedHeight: 96,
    frames: 25,
    fps: 24,
    device: "cpu",
    runtime: "ort",
    framesSha256,
    created: "2025-01-31T12:00:00.000Z",
    ...change,
  };
}
