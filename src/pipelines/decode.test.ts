import { expect, test } from "vitest";
import { fromDiffusers } from "../models/ltx-vae/config.ts";
import { LtxVae } from "../models/ltx-vae/vae.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { mount } from "../tensor/mount.ts";
import { weightInMemory } from "../tensor/runtime.ts";
import { initialWeights } from "../training/initial.ts";
import { decodeFrames } from "./decode.ts";
import { defaultTiling } from "./execution.ts";

const config = fromDiffusers({
  latent_channels: 4,
  block_out_channels: [4, 4, 8, 8],
  decoder_block_out_channels: [4, 4, 8, 8],
  layers_per_block: [1, 1, 1, 1, 1],
  decoder_layers_per_block: [1, 1, 1, 1, 1],
});
const weights = new Map(
  [...initialWeights(mount(new LtxVae(config)), 3)].map(([name, value]) => [name, weightInMemory(value)]),
);
const grid = { frames: 6, height: 3, width: 2 };
// The same in every cell: only the borders of tiles can then differ from the whole.
const latents = Float32Array.from({ length: 4 * 36 }, (_, i) => Math.floor(i / 36) - 1.5);

async function decode(tiling = defaultTiling) {
  const frames = [];
  for await (const frame of decodeFrames({ vae: { config, weights } }, openOrt(), latents, grid, {
    tiling,
    decoder: "mapped",
  }))
    frames.push(frame);
  return frames;
}

test("windows of time give every frame once, in order, and agree with the whole where they see what it sees", async () => {
  const whole = await decode();
  const parts = await decode({ ...defaultTiling, frames: 5, overlap: { ...defaultTiling.overlap, frames: 4 } });
  expect(whole).toHaveLength(41);
  expect(parts).toHaveLength(41);
  for (const at of [0, 40])
    for (const [i, value] of parts[at]!.data.entries()) expect(Math.abs(value - whole[at]!.data[i]!)).toBeLessThan(3);
});

test("tiles keep the size of frames", async () => {
  const overlap = { frames: 2, cells: 1 };
  for (const { width, height } of await decode({ frames: 7, cells: 4, overlap }))
    expect([width, height]).toEqual([64, 96]);
});
