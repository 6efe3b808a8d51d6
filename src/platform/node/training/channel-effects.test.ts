import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WorldClips } from "../../../data/world/source.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import type { Statistics } from "../../../pipelines/latents.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { parseRecipe, type VaeRecipe } from "../../../training/recipe.ts";
import { identityResnets } from "../../../training/vae-initial.ts";
import { openOrt } from "../devices/ort.ts";
import { tinyVae } from "../generate/testing.ts";
import { saveVae } from "../models/save-model.ts";
import { channelEffects, codecDecoding, decodingOf } from "./channel-effects.ts";
import { fitCodec } from "./codec-source.ts";
import { inMemory } from "./job.ts";
import { vaeJob } from "./vae-job.ts";

const channels = tinyVae.latentChannels;
const statistics = (deviation = 1) => ({
  mean: new Float32Array(channels).fill(0.3),
  deviation: Float32Array.from({ length: channels }, (_, c) => (c === 5 ? deviation : 1)),
});

test("a latent channel's effect is what the decoder makes of it", async () => {
  const values = identityResnets(mount(new LtxVae(tinyVae)), 3);
  const first = values.get("decoder.convIn.weight")!;
  const taps = first.shape.slice(2).reduce((a, b) => a * b);
  const deaf = first.data.map((value, i) => (Math.floor(i / taps) % channels === 7 ? 0 : value)) as Float32Array;
  const weights = inMemory(new Map([...values, ["decoder.convIn.weight", hostTensor(deaf, first.shape)]]));
  const effectsWith = (statistics: Statistics) =>
    channelEffects(decodingOf({ config: tinyVae, weights, statistics }), openOrt());
  const effects = await effectsWith(statistics());
  const wide = await effectsWith(statistics(2));
  for (const [c, effect] of effects.entries()) {
    if (c === 7) expect(effect).toBe(0);
    else expect(effect).toBeGreaterThan(0);
    if (c === 5) expect(wide[c]! / effect).toBeGreaterThan(1.5);
    else expect(wide[c]).toBe(effect);
  }
});

test("a principal component's effect is its variance", async () => {
  const codec = await fitCodec({ cell: [2, 4, 4], channels: 6, clips: 4 }, new WorldClips("mini", 5));
  const effects = await channelEffects(codecDecoding(codec), openOrt());
  const deviation = (name: string, c: number) => {
    const { data, shape } = codec.values.get(`${name}.decode.weight`)!;
    const column = Array.from({ length: shape[0]! }, (_, i) => data[i * shape[1]! + c]! as number);
    return column.reduce((sum, value) => sum + value ** 2, 0) / shape[0]!;
  };
  // Of 3 latent frames, the first is one of pixels and the others two each.
  for (const [c, effect] of effects.entries())
    expect(effect).toBeCloseTo((deviation("first", c) + 4 * deviation("rest", c)) / 5, 5);
  expect(effects[0]).toBeGreaterThan(effects[5]!);
});

test("decoders that take noise are refused", () => {
  const config = { ...tinyVae, decoder: { ...tinyVae.decoder, timestep: true } };
  const source = { config, weights: new Map(), statistics: statistics() };
  expect(() => decodingOf(source)).toThrow(/without noise inputs/);
});

test("an autoencoder goes on from one without resnets, which begin as identities", async () => {
  const plain = {
    ...tinyVae,
    encoder: { ...tinyVae.encoder, layers: [0, 0, 0, 0] },
    decoder: { ...tinyVae.decoder, layers: [0, 0, 0, 0] },
  };
  const known = identityResnets(mount(new LtxVae(plain)), 3);
  const base = await mkdtemp(join(tmpdir(), "turbo2k-"));
  try {
    await saveVae(join(base, "plain"), plain, known, statistics());
    const recipeOf = (model: object) =>
      parseRecipe(
        {
          kind: "vae",
          name: "tiny",
          seed: 5,
          world: "mini",
          from: "plain",
          model,
          loss: { object: 3, gradient: 0.5, kl: 0 },
          stages: [{ steps: 1, batch: 1, crop: "64x64x9", pictures: ["64x64x9"] }],
        },
        "test",
      ) as VaeRecipe;
    const open = (model: object) => vaeJob(recipeOf(model), new WorldClips("mini", 5), openOrt(), { base });
    const initial = await (await open(tinyVae)).task.initial();
    for (const [name, { data }] of initial)
      if (known.has(name))
        for (const [i, value] of known.get(name)!.data.entries()) expect(data[i], name).toBeCloseTo(value, 2);
      else if (name.endsWith("conv2.weight")) expect(Math.max(...(data as Float32Array).map(Math.abs)), name).toBe(0);
    expect(initial.size).toBeGreaterThan(known.size);
    await expect(open({ ...tinyVae, latentChannels: 8 })).rejects.toThrow(/another model/);
  } finally {
    await rm(base, { recursive: true });
  }
});
