import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import type { ClipSource } from "../../../data/clip-source.ts";
import { hunyuanVideoVae } from "../../../models/hunyuan-vae/config.ts";
import { type Codec, hunyuanCodec } from "../../../pipelines/codec.ts";
import { CodecRunner } from "../../../pipelines/codec-runner.ts";
import type { Tiling } from "../../../pipelines/tiles.ts";
import { weightInMemory } from "../../../tensor/runtime.ts";
import { hashedValues } from "../../../testing/hashed.ts";
import { relativeError } from "../../../testing/relative-error.ts";
import { initialWeights } from "../../../training/initial.ts";
import { openOrt } from "../devices/ort.ts";
import { inFolder } from "../video/testing.ts";
import { codecLatents } from "./codec-source.ts";

const picture = { width: 48, height: 32, frames: 21 };
const clip = (index: number) =>
  hashedValues({
    name: `clip ${index}`,
    shape: [3, picture.frames, picture.height, picture.width],
    offset: 0,
    scale: 2,
  });
const clips = { id: "noise", pixels: async (index: number) => clip(index) } as unknown as ClipSource;

test("a teacher's latents are encoded in tiles, and those of other tiles lie in files of their own", () =>
  inFolder(async (folder) => {
    const model = hunyuanCodec({ ...hunyuanVideoVae, latentChannels: 4, channels: [4, 4, 8, 8], layers: 1, groups: 2 });
    const weights = new Map([...initialWeights(model.model, 4)].map(([name, value]) => [name, weightInMemory(value)]));
    const runtime = openOrt();
    const read = async (tiling: Tiling) => {
      const codec: Codec = { ...model, weights, hash: "one", tiling };
      const set = await codecLatents(codec, runtime, { folder, clips, picture, count: 2 });
      const rows = [await set.read(0), await set.read(1)];
      await set.close();
      const runner = new CodecRunner(codec, runtime);
      for (const [i, row] of rows.entries())
        expect(relativeError(row, await runner.encode(clip(i), picture))).toBeLessThan(1e-3); // stored in half precision
      runner.dispose();
      return rows[1]!;
    };
    const tiled = await read({ frames: 5, cells: 12, overlap: { frames: 2, cells: 1 } });
    const whole = await read(model.tiling);
    expect(tiled).toHaveLength(4 * 6 * 4 * 6);
    expect(relativeError(tiled, whole)).toBeGreaterThan(0.01);
    expect(await readdir(folder)).toHaveLength(2);
    await read({ frames: 5, cells: 12, overlap: { frames: 2, cells: 1 } });
    expect(await readdir(folder)).toHaveLength(2);
  }));
