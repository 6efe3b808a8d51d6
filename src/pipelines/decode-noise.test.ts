import { expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { publishedVaes } from "../models/ltx-vae/published.ts";
import { InjectedNoise, withDecodeNoise } from "./decode-noise.ts";
import { denormalise, normalise } from "./latents.ts";
import { publishedDecode } from "./model.ts";

const statistics = { mean: Float32Array.of(1, -2), deviation: Float32Array.of(3, 0.5) };
const latents = Float32Array.of(1, 2, 3, 4);
const config = publishedVaes["0.9.1"];
const unit = gaussian(4, 7, "decode noise");
const near = (a: Float32Array, b: Float32Array) => {
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 5);
};

test("the makers add noise to normalised latents, diffusers to raw ones", () => {
  const mix = (z: Float32Array) => z.map((value, i) => 0.975 * value + 0.025 * unit[i]!);
  const original = withDecodeNoise(latents, { decode: publishedDecode }, { config, statistics, seed: 7 });
  near(original, denormalise(mix(normalise(latents, statistics)), statistics));
  const raw = { ...publishedDecode, space: "raw" } as const;
  near(withDecodeNoise(latents, { decode: raw }, { config, statistics, seed: 7 }), mix(latents));
});

test("decoders of 0.9.0 take none", () => {
  const options = { config: publishedVaes["0.9.0"], statistics, seed: 7 };
  expect(withDecodeNoise(latents, { decode: publishedDecode }, options)).toBe(latents);
});

test("tiles get their parts of one map", () => {
  const noise = new InjectedNoise(3, { height: 4, width: 6 });
  const window = (start: number, length: number) => ({ start, length });
  const whole = noise.cut("noise.000", [8, 12], { row: window(0, 4), column: window(0, 6) });
  const part = noise.cut("noise.000", [4, 6], { row: window(1, 2), column: window(2, 3) });
  for (let y = 0; y < 4; y++)
    for (let x = 0; x < 6; x++) expect(part.data[y * 6 + x]).toBe(whole.data[(y + 2) * 12 + x + 4]);
});
