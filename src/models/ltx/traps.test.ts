/** What implementations of LTX-Video get wrong, each on its own; the goldens hold them all at once. */
import { describe, expect, test } from "vitest";
import { reference } from "../../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import { mount, parametersOf } from "../../tensor/mount.ts";
import { buildProgram } from "../../tensor/program.ts";
import { weightInMemory } from "../../tensor/runtime.ts";
import { input } from "../../tensor/tensor.ts";
import { hashedValues } from "../../testing/hashed.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { type LtxConfig, ltx2b, ltx13b, widthOf } from "./config.ts";
import { coordinates, ropeTables } from "./rope.ts";
import { type ForwardOptions, LtxTransformer } from "./transformer.ts";

const parameters = (config: LtxConfig) =>
  [...parametersOf(new LtxTransformer(config)).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

test("the published models have the published numbers of parameters", () => {
  expect(parameters(ltx2b)).toBe(1_923_385_472);
  expect(parameters(ltx13b)).toBe(13_042_569_344);
});

describe("rotary tables", () => {
  // Token (1, 2, 3) at 25 frames a second, width 2048: channel 2 (pair 1) is time, 4 height, 6 width.
  const grid = { frames: 2, height: 3, width: 4 };
  const token = 12 + 2 * 4 + 3;
  const at = (causal: boolean) => {
    const places = coordinates(grid, { fps: 25, compression: [8, 32, 32], causal });
    const { cos, sin } = ropeTables(places, 2048);
    return (channel: number) => [cos.data[token * 1024 + channel / 2]!, sin.data[token * 1024 + channel / 2]!];
  };

  test.each([
    [
      false,
      {
        0: [1, 0],
        2: [0.050244, -0.998737],
        4: [0.098017, -0.995185],
        6: [0.14673, -0.989177],
        8: [0.008512, -0.999964],
      },
    ],
    [true, { 2: [0.006283, -0.99998], 8: [-0.036669, -0.999327], 14: [-0.08073, -0.996736] }],
  ] as [boolean, Record<number, [number, number]>][])("causal positions %j", (causal, expected) => {
    const pair = at(causal);
    for (const [channel, [cos, sin]] of Object.entries(expected)) {
      expect(pair(Number(channel))[0]).toBeCloseTo(cos, 5);
      expect(pair(Number(channel))[1]).toBeCloseTo(sin, 5);
    }
  });

  test("one rotation runs over the whole width: heads do not share frequencies", () => {
    const pair = at(false);
    expect(pair(2)).not.toEqual(pair(2 + 64));
  });
});

const tiny: LtxConfig = {
  ...ltx2b,
  layers: 2,
  heads: 2,
  headWidth: 6,
  channels: 3,
  outChannels: 3,
  captionChannels: 5,
};

/** Velocities of a batch on 4 tokens and 3 words. */
async function velocities(feeds: Record<string, HostTensor>, options: ForwardOptions = {}, config = tiny) {
  const model = mount(new LtxTransformer(config));
  const at = (name: string) => input(name, feeds[name]!.shape);
  const velocity = model.forward(
    {
      latents: at("latents"),
      text: at("text"),
      ...(feeds["mask"] ? { textMask: at("mask") } : {}),
      sinusoid: at("sinusoid"),
      rope: { cos: at("cos"), sin: at("sin") },
    },
    options,
  );
  const weights = [...parametersOf(model)].map(([name, { shape }]) => {
    const offset = name.includes("Norm") && name.endsWith("weight") ? 1 : 0;
    const data = hashedValues({ name, shape, offset, scale: 1 });
    return [name, weightInMemory(hostTensor(data, shape))] as const;
  });
  const program = buildProgram({ velocity }, { keep: reference.keeps });
  const executable = await reference.compile(program, { weights: new Map(weights) });
  const data = Float32Array.from((await executable.run(feeds))["velocity"]!.data);
  executable.dispose();
  return data;
}

function feedsOf(batch: number, perToken = 1): Record<string, HostTensor> {
  const values = (name: string, shape: number[]) =>
    hostTensor(hashedValues({ name, shape, offset: 0, scale: 2 }), shape);
  const repeat = ({ data, shape }: HostTensor): HostTensor =>
    hostTensor(
      Float32Array.from({ length: batch * data.length }, (_, i) => data[i % data.length]!),
      [batch, ...shape.slice(1)],
    );
  const half = widthOf(tiny) / 2;
  return {
    latents: repeat(values("latents", [1, 4, 3])),
    text: repeat(values("text", [1, 3, 5])),
    sinusoid: repeat(values("sinusoid", [1, perToken, 256])),
    cos: values("cos", [4, half]),
    sin: values("sin", [4, half]),
  };
}

describe("the transformer", () => {
  test("hides padding by a finite bias: with nothing but padding it still attends", async () => {
    const feeds = feedsOf(1);
    const hidden = await velocities({ ...feeds, mask: hostTensor(new Float32Array(3), [1, 3]) });
    const open = await velocities({ ...feeds, mask: hostTensor(new Float32Array(3).fill(1), [1, 3]) });
    expect(hidden.every(Number.isFinite)).toBe(true);
    expect(relativeError(hidden, open)).toBeLessThan(1e-5);
  });

  test("takes a noise level for each token", async () => {
    const feeds = feedsOf(1, 4);
    const same = {
      ...feedsOf(1),
      sinusoid: hostTensor(feeds["sinusoid"]!.data.slice(0, 256) as Float32Array, [1, 1, 256]),
    };
    const shared = Float32Array.from({ length: 1024 }, (_, i) => same.sinusoid.data[i % 256]!);
    const equal = await velocities({ ...feeds, sinusoid: hostTensor(shared, [1, 4, 256]) });
    expect(relativeError(equal, await velocities(same))).toBeLessThan(1e-6);
    expect(relativeError(await velocities(feeds), equal)).toBeGreaterThan(1e-2);
  });

  test("takes positions for each of a batch", async () => {
    const first = feedsOf(1);
    const other = { ...first, cos: first["sin"]!, sin: first["cos"]! };
    const joined = (name: string) =>
      hostTensor(Float32Array.from([...first[name]!.data, ...other[name as "cos"].data]), [8, widthOf(tiny) / 2]);
    const both = await velocities({ ...feedsOf(2), cos: joined("cos"), sin: joined("sin") });
    expect(relativeError(both.subarray(0, 12), await velocities(first))).toBeLessThan(1e-6);
    expect(relativeError(both.subarray(12), await velocities(other))).toBeLessThan(1e-6);
    expect(relativeError(both.subarray(12), both.subarray(0, 12))).toBeGreaterThan(1e-3);
  });

  test("perturbs the last of a batch alone, and a batch of one as a whole", async () => {
    const plain = await velocities(feedsOf(2));
    const both = await velocities(feedsOf(2), { perturbed: [1] });
    const alone = await velocities(feedsOf(1), { perturbed: [1] });
    expect(relativeError(both.subarray(0, 12), plain.subarray(0, 12))).toBeLessThan(1e-6);
    expect(relativeError(both.subarray(12), alone)).toBeLessThan(1e-6);
    expect(relativeError(alone, plain.subarray(12))).toBeGreaterThan(1e-3);
  });

  test("knows the norms of queries and keys that original files may name", async () => {
    const rms = await velocities(feedsOf(1));
    for (const qkNorm of ["layer", "none"] as const)
      expect(relativeError(await velocities(feedsOf(1), {}, { ...tiny, qkNorm }), rms)).toBeGreaterThan(1e-4);
  });
});
