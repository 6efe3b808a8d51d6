import { describe, expect, test } from "vitest";
import { DeviceLostError, UnsupportedError } from "../../base/errors.ts";
import { findAdapter, openGpuDevice } from "../../platform/node/devices/webgpu.ts";
import { hostTensor } from "../../tensor/dtype.ts";
import { buildProgram } from "../../tensor/program.ts";
import { weightInMemory } from "../../tensor/runtime.ts";
import { input, parameter, type Tensor } from "../../tensor/tensor.ts";
import { webGpuForTests } from "../../testing/webgpu.ts";
import { createLasting } from "./lasting.ts";
import { createWebGpu, type WebGpuRuntime } from "./webgpu.ts";

const [present] = await webGpuForTests();

/** A runtime with what it said, and how often it opened a device. */
async function openLasting(change: (made: WebGpuRuntime, count: number) => WebGpuRuntime = (made) => made) {
  const said: string[] = [];
  let count = 0;
  const open = async () => change(createWebGpu(await openGpuDevice((await findAdapter())!)), ++count);
  const runtime = await createLasting({ open, onLoss: (sentence) => said.push(sentence) });
  return { runtime, said, opened: () => count };
}

/** A runtime whose executables lose their device in every run. */
const doomed = (made: WebGpuRuntime): WebGpuRuntime => ({
  ...made,
  compile: async (...given) => {
    const executable = await made.compile(...given);
    return {
      ...executable,
      run: (inputs) => {
        const running = executable.run(inputs);
        made.gpu.device.destroy();
        return running;
      },
    };
  },
});

const w = Object.assign(parameter([2, 2]), { name: "w" }) as Tensor;
const program = buildProgram({ out: input("x", [1, 2]).matmul(w).add(1) });
const weights = new Map([["w", weightInMemory(hostTensor([1, 2, 3, 4], [2, 2]))]]);
const x = hostTensor([1, -1], [1, 2]);

describe.skipIf(!present)("a lost device", () => {
  test("in a run, and between two: the run goes on on another, with its weights", async () => {
    const { runtime, said, opened } = await openLasting();
    const executable = await runtime.compile(program, { weights });
    const first = runtime.gpu.device;
    const running = executable.run({ x });
    first.destroy();
    expect([...(await running)["out"]!.data]).toEqual([-1, -1]);
    expect(runtime.gpu.device).not.toBe(first);
    runtime.gpu.device.destroy();
    expect([...(await executable.run({ x }))["out"]!.data]).toEqual([-1, -1]);
    expect(opened()).toBe(3);
    expect(said).toEqual(Array(2).fill(expect.stringMatching(/^the GPU was lost .*a new device was opened/)));
    executable.dispose();
    await new Promise(setImmediate);
    expect(runtime.gpu.heldBytes).toBe(0);
  });

  test("is opened once for runs that lost it together", async () => {
    const { runtime, opened } = await openLasting();
    const both = await Promise.all([program, program].map((one) => runtime.compile(one, { weights })));
    const running = both.map((executable) => executable.run({ x }));
    runtime.gpu.device.destroy();
    for (const { out } of await Promise.all(running)) expect([...out!.data]).toEqual([-1, -1]);
    expect(opened()).toBe(2);
  });

  test("lost again in the same run is an error", async () => {
    const { runtime, opened } = await openLasting(doomed);
    const executable = await runtime.compile(program, { weights });
    await expect(executable.run({ x })).rejects.toThrow(DeviceLostError);
    expect(opened()).toBe(2);
  });

  test("that cannot be opened again is an error", async () => {
    const { runtime, said } = await openLasting((made, count) => {
      if (count > 1) throw new UnsupportedError("it is gone");
      return made;
    });
    const executable = await runtime.compile(program, { weights });
    runtime.gpu.device.destroy();
    await expect(executable.run({ x })).rejects.toThrow("no new device can be opened");
    expect(said).toEqual([]);
  });

  test("takes state with it, which is an error", async () => {
    const { runtime } = await openLasting();
    const state = await runtime.state(new Map([["w", hostTensor([1, 2, 3, 4], [2, 2])]]));
    const executable = await runtime.compile(program, { state });
    runtime.gpu.device.destroy();
    await expect(executable.run({ x })).rejects.toThrow(DeviceLostError);
  });
});
