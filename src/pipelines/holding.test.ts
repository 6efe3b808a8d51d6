import { expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { ltx2b } from "../models/ltx/config.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { type Runtime, weightInMemory } from "../tensor/runtime.ts";
import { initialWeights } from "../training/initial.ts";
import { velocityProgram } from "./denoiser.ts";
import { type Holding, openHeld, partsOf, steadyInputs } from "./holding.ts";
import type { Settings } from "./model.ts";

const config = { ...ltx2b, layers: 3, heads: 2, headWidth: 12, channels: 6, outChannels: 6, captionChannels: 10 };
const model = { settings: { textLength: 5 } as Settings, transformer: { config } };
const weights = new Map(
  [...initialWeights(mount(new LtxTransformer(config)), 3)].map(([name, value]) => [name, weightInMemory(value)]),
);
const program = velocityProgram(model, { grid: { frames: 2, height: 3, width: 4 }, batch: 2 }, openOrt().keeps);
const draw = (seed: number): Record<string, HostTensor> =>
  Object.fromEntries(
    [...program.inputs].map(([name, at]) => {
      const { shape } = program.nodes[at]!;
      return [name, hostTensor(gaussian(sizeOf(shape), seed, name), shape)];
    }),
  );

/** A runtime that counts what is compiled and what is still held. */
function counting(): { runtime: Runtime; compiled: () => number; held: () => number } {
  const ort = openOrt({ threads: 1 });
  let [compiled, held] = [0, 0];
  const compile: Runtime["compile"] = async (part, options) => {
    const executable = await ort.compile(part, options);
    compiled++;
    held++;
    return {
      run: executable.run,
      dispose() {
        held--;
        executable.dispose();
      },
    };
  };
  return { runtime: { ...ort, compile }, compiled: () => compiled, held: () => held };
}

const other = draw(2);
const steps = [draw(1), draw(1), { ...draw(3), text: other["text"]!, mask: other["mask"]! }];

async function velocities(holding: Holding, steady?: ReadonlySet<string>) {
  const { runtime, compiled, held } = counting();
  const executable = await openHeld(runtime, program, { weights, holding, ...(steady ? { steady } : {}) });
  const results: HostTensor[] = [];
  for (const inputs of steps) results.push((await executable.run(inputs))["velocity"]!);
  const while_ = held();
  executable.dispose();
  expect(held()).toBe(0);
  return { results: results.map(({ data }) => [...data]), compiled: compiled(), held: while_ };
}

test("the same to the last bit, however weights are held and whatever is computed once", async () => {
  const whole = await velocities("widened");
  expect(whole).toMatchObject({ compiled: 1, held: 1 });
  for (const holding of ["widened", "mapped", "streamed"] as const)
    for (const steady of [undefined, steadyInputs])
      expect((await velocities(holding, steady)).results).toEqual(whole.results);
});

test("layers come and go, one at a time, and keys and values of a text are computed once", async () => {
  const parts = partsOf(program, "streamed", { steady: steadyInputs });
  expect(parts.each).toHaveLength(config.layers);
  const textWeights = parts.once.flatMap(({ parameters }) => [...parameters.keys()]);
  expect(textWeights.filter((name) => /textAttention\.(key|value)\.weight/.test(name))).toHaveLength(2 * config.layers);
  const streamed = await velocities("streamed", steadyInputs);
  expect(streamed.held).toBe(0);
  // The first two steps have the same text, the third another one.
  expect(streamed.compiled).toBe(steps.length * config.layers + 2 * parts.once.length);
  const same = steps.map((inputs) => ({ ...inputs, text: other["text"]!, mask: other["mask"]! }));
  const { runtime, compiled } = counting();
  const executable = await openHeld(runtime, program, { weights, holding: "mapped", steady: steadyInputs });
  for (const inputs of same) await executable.run(inputs);
  executable.dispose();
  expect(compiled()).toBe(2);
});
