import { expect, test } from "vitest";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { createNull } from "../runtimes/null/null.ts";
import { createWebGpu } from "../runtimes/webgpu/webgpu.ts";
import { hostTensor, sizeOf } from "../tensor/dtype.ts";
import { mount, parametersOf } from "../tensor/mount.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { nullGpuDevice } from "../testing/webgpu.ts";
import { planTraining } from "./plan.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { velocityGraph } from "./student.ts";
import { type OptimiserSettings, type Task, Trainer } from "./trainer.ts";

const config = {
  layers: 6,
  heads: 2,
  headWidth: 24,
  channels: 8,
  outChannels: 8,
  captionChannels: 16,
  qkEpsilon: 1e-5,
  epsilon: 1e-6,
  ropeTheta: 10000,
};

/** A transformer's flow matching, half of it frozen. */
function task(rematerialise = false, grid = { frames: 4, height: 6, width: 8 }): Task {
  const model = mount(new LtxTransformer(config));
  return {
    model,
    steps: 10,
    bucket: (step) => (step % 5 ? "2" : "4"),
    loss(bucket) {
      const shape = { batch: Number(bucket), grid };
      const text = { text: input("text", [shape.batch, 4, 16]), mask: input("mask", [shape.batch, 4]) };
      const positions = { fps: 24, compression: [8, 32, 32] } as const;
      const { predicted, target } = velocityGraph(model, shape, text, positions, aroundBlocks({ rematerialise }));
      return { loss: predicted.sub(target).square().mean(), report: {} };
    },
    batch: async () => ({}),
    initial: () =>
      new Map(
        [...parametersOf(model)].map(([name, { shape }]) => [name, hostTensor(new Float32Array(sizeOf(shape)), shape)]),
      ),
    frozen: (name) => name.includes("textAttention"),
  };
}

const plan = (one: Task, optimiser: OptimiserSettings = {}) =>
  planTraining(
    { task: one, optimiser, preparation: [], beside: () => [] },
    { keeps: () => true, gflops: 100, baseBytes: 1000 },
  );

test.each([{}, { average: 0 }, { accumulate: 2 }, { accumulate: 4, average: 0 }])(
  "the state that is planned with %j is the one that is held",
  async (optimiser) => {
    const one = task();
    const trainer = await Trainer.start(one, createNull(), await one.initial(), optimiser);
    const held = [...(await trainer.snapshot()).values()].reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    expect(plan(one, optimiser).stateBytes).toBe(held);
    trainer.dispose();
  },
);

test("phases follow the steps of each size", () => {
  const { phases, parameters, trained, seconds, peakBytes, stateBytes } = plan(task());
  expect(phases.map(({ name, runs }) => [name, runs])).toEqual([
    ["step 2", 8],
    ["step 4", 2],
  ]);
  const [few, many] = phases.map(({ flops, runs }) => flops / runs) as [number, number];
  expect(many / few).toBeGreaterThan(1.8);
  expect(many / few).toBeLessThan(2);
  expect(trained).toBeLessThan(parameters);
  expect(seconds).toBeCloseTo(
    phases.reduce((sum, one) => sum + one.seconds, 0),
    12,
  );
  expect(peakBytes).toBe(phases[1]!.peakBytes);
  expect(peakBytes).toBeGreaterThan(stateBytes);
});

test("rematerialisation takes a third more operations and far less memory", () => {
  const values = (one: ReturnType<typeof plan>) => one.peakBytes - one.stateBytes - 1000;
  const [kept, again] = [plan(task()), plan(task(true))];
  expect(values(again)).toBeLessThan(0.6 * values(kept));
  const more = again.phases[0]!.flops / kept.phases[0]!.flops;
  expect(more).toBeGreaterThan(1.15);
  expect(more).toBeLessThan(1.4);
});

test("on a GPU that streams attention no step needs a matrix of scores", async () => {
  const { keeps } = createWebGpu(await nullGpuDevice());
  const grid = { frames: 10, height: 24, width: 60 };
  const tokens = 14_400;
  const scores = 4 * config.heads * tokens ** 2;
  const one = task(true, grid);
  const planned = (keep: Runtime["keeps"]) =>
    planTraining(
      { task: { ...one, steps: 1 }, optimiser: {}, preparation: [], beside: () => [] },
      { keeps: keep, gflops: 100, baseBytes: 0 },
    ).peakBytes;
  expect(planned(keeps)).toBeLessThan(scores);
  expect(planned(() => false)).toBeGreaterThan(2 * scores);
});
