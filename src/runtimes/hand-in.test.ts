import { describe, expect, test } from "vitest";
import { CheckpointError, InputError } from "../base/errors.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { type Runtime, weightInMemory } from "../tensor/runtime.ts";
import { input, parameter, type Tensor } from "../tensor/tensor.ts";
import { webGpuForTests } from "../testing/webgpu.ts";
import { createNull } from "./null/null.ts";
import { reference } from "./reference/reference.ts";

class Table {
  readonly rows = parameter([4, 2]);
  readonly shift = parameter([2]);
  forward(indices: Tensor, scale: Tensor): Tensor {
    return this.rows.gather(indices).mul(scale).add(this.shift);
  }
}

const model = mount(new Table());
const program = buildProgram({ out: model.forward(input("indices", [3], "i32"), input("scale", [])) });
const rows = weightInMemory(hostTensor([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]));
const shift = weightInMemory(hostTensor([0, 1], [2]));
const weights = new Map([
  ["rows", rows],
  ["shift", shift],
]);
const indices = hostTensor(Int32Array.of(3, 0, 3), [3]);
const scale = hostTensor([2], []);

const computing: Runtime[] = [reference, openOrt(), ...(await webGpuForTests())];
const named = (runtimes: readonly Runtime[]) => runtimes.map((runtime) => [runtime.name, runtime] as const);

describe.each(named([...computing, createNull()]))("on %s", (_, runtime) => {
  test("weights that do not fit are listed", async () => {
    const compile = (given: Map<string, typeof rows>) => runtime.compile(program, { weights: given });
    await expect(compile(new Map([["rows", shift]]))).rejects.toThrow(CheckpointError);
    await expect(compile(new Map([["rows", shift]]))).rejects.toThrow(
      "weights do not fit: rows is [4, 2], got [2]; shift [2] is missing",
    );
    (await compile(new Map([...weights, ["unused", shift]]))).dispose();
  });

  test.each([
    [{ scale }, "no value for the input indices [3]"],
    [{ indices, scale: hostTensor([1], [1]) }, "input scale needs [], got [1]"],
    [{ indices: hostTensor([1, 2, 3], [3]), scale }, "input indices needs i32, got f32"],
  ])("an input that does not fit is named: %#", async (feeds, message) => {
    const executable = await runtime.compile(program, { weights });
    await expect(executable.run(feeds as never)).rejects.toThrow(InputError);
    await expect(executable.run(feeds as never)).rejects.toThrow(message);
    executable.dispose();
  });
});

test.each(named(computing))(
  "on %s too few values are an error, and so are rows that are not there",
  async (_, runtime) => {
    const executable = await runtime.compile(program, { weights });
    const few = { indices: { ...indices, data: Int32Array.of(1) }, scale };
    await expect(executable.run(few)).rejects.toThrow("input indices [3] holds 1 values");
    const far = { indices: hostTensor(Int32Array.of(0, 9, 0), [3]), scale };
    await expect(executable.run(far)).rejects.toThrow(/index 9|idx=9/);
    expect([...(await executable.run({ indices, scale, more: scale }))["out"]!.data]).toEqual([14, 17, 2, 5, 14, 17]);
    executable.dispose();
  },
);
