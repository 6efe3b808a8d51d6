import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { RunFolder } from "../platform/node/training/run-folder.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { input, parameter } from "../tensor/tensor.ts";
import { initialWeights } from "./initial.ts";
import { initialMoment, type MomentKind, momentBytes, momentOf } from "./moments.ts";
import { planTraining } from "./plan.ts";
import { type OptimiserSettings, type Task, Trainer } from "./trainer.ts";

/** Values after they were kept as a moment once. */
async function kept(runtime: Runtime, kind: MomentKind, values: Float32Array): Promise<Float32Array> {
  const shape = [values.length];
  const moment = momentOf("x", shape, kind, "int8");
  const state = await runtime.state(new Map(initialMoment("x", shape, kind, "int8")));
  const updates = new Map(moment.next(input("values", shape)));
  const write = await runtime.compile(buildProgram({}, { updates, keep: runtime.keeps }), { state });
  await write.run({ values: hostTensor(values, shape) });
  const read = await runtime.compile(buildProgram({ value: moment.value }, { keep: runtime.keeps }), { state });
  return (await read.run({}))["value"]!.data as Float32Array;
}

const rms = (a: ArrayLike<number>, b?: ArrayLike<number>) =>
  Math.sqrt(Array.from(a, (value, i) => (value - (b?.[i] ?? 0)) ** 2).reduce((sum, square) => sum + square, 0));

/** The code table of the paper: powers of ten, each with half as many steps as the next. */
function dynamicMap(isSigned: boolean): number[] {
  const values = [0, 1];
  for (let power = 0; power < 7; power++) {
    const steps = 2 ** (power + (isSigned ? 0 : 1));
    for (let step = 0; step < steps; step++) {
      const value = 10 ** (power - 6) * (0.1 + (0.9 * (step + 0.5)) / steps);
      values.push(value);
      if (isSigned) values.push(-value);
    }
  }
  return values;
}

function byTable(values: Float32Array, table: readonly number[]): number[] {
  const out: number[] = [];
  for (let first = 0; first < values.length; first += 256) {
    const part = values.subarray(first, first + 256);
    const top = Math.max(...part.map(Math.abs));
    for (const value of part) {
      const near = table.reduce((best, code) =>
        Math.abs(code - value / top) < Math.abs(best - value / top) ? code : best,
      );
      out.push(near * top);
    }
  }
  return out;
}

const size = 4096 + 300; // the last block is not full
const normal = gaussian(size, 1, "gradients");
const squares = normal.map((value, i) => (value * 10 ** -(i % 4)) ** 2);

describe("moments of 8 bits", () => {
  /** Share of values whose root, which updates divide by, comes back within 5 %. */
  const closeRoots = (got: ArrayLike<number>) =>
    Array.from(got).filter((value, i) => Math.abs(Math.sqrt(value / squares[i]!) - 1) < 0.05).length / size;

  test("first: values come back closer than by the table of the paper", async () => {
    const error = rms(await kept(openOrt(), "first", normal), normal) / rms(normal);
    expect(error).toBeLessThan(rms(byTable(normal, dynamicMap(true)), normal) / rms(normal));
    expect(error).toBeLessThan(0.01);
  });

  test("second: more roots come back close than by the table of the paper", async () => {
    const [ours, tabled] = [await kept(openOrt(), "second", squares), byTable(squares, dynamicMap(false))];
    expect(closeRoots(ours)).toBeGreaterThan(closeRoots(tabled));
    expect(closeRoots(ours)).toBeGreaterThan(0.65);
    // Those too small for the table become zero there, and the smallest code here.
    expect(tabled.filter((value) => value === 0).length).toBeGreaterThan(100);
    expect(ours.every((value, i) => value > 0 || squares[i] === 0)).toBe(true);
  });

  test.each([
    ["first", normal],
    ["second", squares],
  ] as const)("%s: another device differs by codes that lie on a half", async (kind, values) => {
    const [a, b] = [await kept(openOrt(), kind, values), await kept(reference, kind, values)];
    expect(a.filter((value, i) => Math.abs(value - b[i]!) > 1e-6 * Math.abs(value)).length).toBeLessThan(size / 500);
  });

  test("nothing but zero becomes zero, and blocks of zeros stay", async () => {
    const values = new Float32Array(size);
    values.fill(1e-30, 0, 256);
    values[0] = 1;
    const [first, second] = [await kept(openOrt(), "first", values), await kept(openOrt(), "second", values)];
    expect(first[0]).toBe(1);
    expect(second.subarray(1, 256).every((value) => value > 0)).toBe(true);
    for (const out of [first, second]) expect(out.subarray(256).every((value) => value === 0)).toBe(true);
  });

  test("small tensors stay as they are", () => {
    expect(initialMoment("x", [4095], "first", "int8")).toEqual(initialMoment("x", [4095], "first", "f32"));
    expect(momentBytes([4095], "int8")).toBe(4 * 4095);
    // 18 blocks of 256 codes and a scale.
    expect(momentBytes([size], "int8")).toBe(18 * 260);
    const bytes = initialMoment("x", [size], "first", "int8").reduce((sum, [, { data }]) => sum + data.byteLength, 0);
    expect(bytes).toBe(momentBytes([size], "int8"));
  });
});

class Net {
  readonly in = parameter([96, 64]);
  readonly bias = parameter([96]);
  readonly out = parameter([64, 96]);
}

/** A net of two layers learns what another one says. */
function imitate(): Task {
  const model = mount(new Net());
  const truth = initialWeights(new Net(), 9);
  const [a, b] = [truth.get("in")!.data, truth.get("out")!.data];
  const answer = (x: Float32Array, y: Float32Array) => {
    for (let row = 0; row < x.length / 64; row++)
      for (let h = 0; h < 96; h++) {
        let sum = 0;
        for (let i = 0; i < 64; i++) sum += a[h * 64 + i]! * x[row * 64 + i]!;
        const state = Math.tanh(sum);
        for (let o = 0; o < 64; o++) y[row * 64 + o]! += b[o * 96 + h]! * state;
      }
  };
  return {
    model,
    steps: 150,
    bucket: () => "only",
    loss: () => {
      const x = input("x", [32, 64]);
      const hidden = x.matmul(model.in, { transposeB: true }).add(model.bias).tanh();
      const error = hidden.matmul(model.out, { transposeB: true }).sub(input("y", [32, 64]));
      return { loss: error.square().mean(), report: {} };
    },
    batch: async (step) => {
      const [x, y] = [gaussian(32 * 64, 3, `batch ${step}`), new Float32Array(32 * 64)];
      answer(x, y);
      return { x: hostTensor(x, [32, 64]), y: hostTensor(y, [32, 64]) };
    },
    initial: () => initialWeights(model, 4),
  };
}

const settings: OptimiserSettings = { rate: 0.003, warmup: 10, final: 0.1, average: 0, weightDecay: 0 };

async function losses(trainer: Trainer, count: number): Promise<number[]> {
  const out: number[] = [];
  for (let step = 0; step < count; step++) out.push((await trainer.advance()).loss);
  return out;
}

const startWith = async (moments: "f32" | "int8") => {
  const task = imitate();
  return Trainer.start(task, openOrt(), await task.initial(), { ...settings, moments });
};

test("a training with moments of 8 bits follows one with whole moments", async () => {
  const [whole, narrow] = [await startWith("f32"), await startWith("int8")];
  const [a, b] = [await losses(whole, 150), await losses(narrow, 150)];
  const last = (all: readonly number[]) => all.slice(-10).reduce((sum, value) => sum + value) / 10;
  expect(last(a)).toBeLessThan(0.3 * a[0]!);
  expect(Math.abs(last(b) / last(a) - 1)).toBeLessThan(0.05);
  const start = await imitate().initial();
  const moved = async (trainer: Trainer, name: string) => {
    const { data } = (await trainer.weights()).get(name)!;
    return Float32Array.from(data as Float32Array, (value, i) => value - start.get(name)!.data[i]!);
  };
  for (const name of ["in", "out"]) {
    const [full, short] = [await moved(whole, name), await moved(narrow, name)];
    expect(rms(full, short) / rms(full), name).toBeLessThan(0.1);
  }
  for (const trainer of [whole, narrow]) trainer.dispose();
});

test("stopped, written to disk and resumed it ends in the same bits", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-moments-"));
  try {
    const straight = await startWith("int8");
    await losses(straight, 8);
    const stopped = await startWith("int8");
    await losses(stopped, 5);
    const run = new RunFolder(folder);
    await run.saveSnapshot(await stopped.snapshot(), stopped.step);
    const { values, step } = await run.loadSnapshot();
    expect(values.get("in#m")).toMatchObject({ dtype: "i32", shape: [24, 64] });
    const resumed = await Trainer.resume(imitate(), openOrt(), values, step, { ...settings, moments: "int8" });
    await losses(resumed, 3);
    const [a, b] = [await straight.snapshot(), await resumed.snapshot()];
    expect([...b.keys()].sort()).toEqual([...a.keys()].sort());
    for (const [name, { data }] of a) expect(b.get(name)!.data, name).toEqual(data);
    for (const trainer of [straight, stopped, resumed]) trainer.dispose();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a plan counts them", async () => {
  const machine = { keeps: () => true, gflops: 1, baseBytes: 0 };
  const bytes = (moments: "f32" | "int8") =>
    planTraining({ task: imitate(), optimiser: { ...settings, moments }, preparation: [], beside: () => [] }, machine)
      .stateBytes;
  const held = async (moments: "f32" | "int8") => {
    const trainer = await startWith(moments);
    const values: HostTensor[] = [...(await trainer.snapshot()).values()];
    trainer.dispose();
    return values.reduce((sum, { data }) => sum + data.byteLength, 0);
  };
  for (const moments of ["f32", "int8"] as const) expect(bytes(moments)).toBe(await held(moments));
  expect(bytes("f32") - bytes("int8")).toBe(2 * 2 * (4 * 6144 - 24 * 260));
});
