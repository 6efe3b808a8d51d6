import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Frame } from "../../../video/frame.ts";
import { withNews } from "../generate/events.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { openModel } from "../models/open-model.ts";
import { findAdapter, openWebGpu } from "./webgpu.ts";

const adapter = await findAdapter().catch(() => undefined);

test.skipIf(!adapter)("a GPU that is lost while a video is made costs the video nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-lost-"));
  await saveTinyModel(folder);
  const model = await openModel(folder);
  const request = { prompt: "a red ball moves left", seed: 3, width: 64, height: 64, frames: 9, fps: 8 };
  try {
    /** Loses the device after the first step and before the latents are decoded, or never. */
    const make = async (isLost: boolean) => {
      const untold: string[] = [];
      const runtime = await openWebGpu(undefined, {}, (sentence) => untold.push(sentence));
      const [order, frames]: [string[], Frame["data"][]] = [[], []];
      for await (const event of withNews(textToVideo(model, runtime, request), () => untold.splice(0))) {
        order.push(event.type);
        if (event.type === "frame") frames.push(event.frame.data);
        const isMoment = (event.type === "step" && event.index === 0) || event.type === "latents";
        if (isLost && isMoment) runtime.gpu.device.destroy();
      }
      return { order, frames };
    };
    const [expected, got] = [await make(false), await make(true)];
    const decoded = Array<string>(9).fill("frame");
    expect(expected.order).toEqual(["started", "text", "step", "step", "latents", ...decoded]);
    expect(got.order).toEqual(["started", "text", "step", "notice", "step", "latents", "notice", ...decoded]);
    expect(got.frames).toEqual(expected.frames);
  } finally {
    await model.close();
    await rm(folder, { recursive: true, force: true });
  }
});
