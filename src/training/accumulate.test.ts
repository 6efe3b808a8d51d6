import { expect, test } from "vitest";
import { openOrt } from "../platform/node/devices/ort.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { input, parameter, type Tensor } from "../tensor/tensor.ts";
import { type OptimiserSettings, type Task, Trainer } from "./trainer.ts";

class Point {
  readonly place: Tensor = parameter([3]);
}

/** Squared distance to a target that changes with the step; its gradient is linear in the target. */
function chase(targets: readonly number[][]): Task {
  const model = mount(new Point());
  return {
    model,
    steps: 100,
    bucket: () => "only",
    loss: () => ({
      loss: model.place
        .sub(input("target", [3]))
        .square()
        .mean(),
      report: {},
    }),
    batch: async (step) => ({ target: hostTensor(Float32Array.from(targets[(step - 1) % targets.length]!), [3]) }),
    initial: () => new Map([["place", hostTensor(Float32Array.of(1, 2, 3), [3])]]),
  };
}

async function placesAfter(task: Task, steps: number, settings: OptimiserSettings): Promise<number[][]> {
  const trainer = await Trainer.start(task, openOrt(), await task.initial(), {
    rate: 0.1,
    warmup: 0,
    final: 1,
    average: 0,
    ...settings,
  });
  const places: number[][] = [];
  for (let step = 0; step < steps; step++) {
    await trainer.advance();
    places.push([...((await trainer.weights()).get("place")!.data as Float32Array)]);
  }
  trainer.dispose();
  return places;
}

test("averaged gradients of several steps move the weights as their mean does at once", async () => {
  const parts = [
    [0, 4, -2],
    [6, 0, 0],
    [3, 3, 3],
    [1, -5, 7],
  ];
  const means = [
    [3, 2, -1],
    [2, -1, 5],
  ];
  const summed = await placesAfter(chase(parts), 4, { accumulate: 2 });
  const whole = await placesAfter(chase(means), 2, {});
  expect(summed[0]).toEqual([1, 2, 3]);
  expect(summed[2]).toEqual(summed[1]);
  for (const [axis, value] of whole[0]!.entries()) expect(summed[1]![axis]).toBeCloseTo(value, 6);
  for (const [axis, value] of whole[1]!.entries()) expect(summed[3]![axis]).toBeCloseTo(value, 6);
});

test("a run that stops within a sum goes on to the same bits", async () => {
  const task = () =>
    chase([
      [0, 4, -2],
      [6, 0, 0],
      [3, 3, 3],
    ]);
  const settings = { rate: 0.1, warmup: 0, accumulate: 3 };
  const stopped = await Trainer.start(task(), openOrt(), await task().initial(), settings);
  await stopped.advance();
  await stopped.advance();
  const resumed = await Trainer.resume(task(), openOrt(), await stopped.snapshot(), 2, settings);
  const straight = await Trainer.start(task(), openOrt(), await task().initial(), settings);
  for (let step = 0; step < 6; step++) await straight.advance();
  for (let step = 2; step < 6; step++) await resumed.advance();
  const [a, b] = [await straight.snapshot(), await resumed.snapshot()];
  for (const [name, { data }] of a) expect(b.get(name)!.data, name).toEqual(data);
  for (const trainer of [stopped, resumed, straight]) trainer.dispose();
});
