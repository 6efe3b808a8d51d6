import { expect, test } from "vitest";
import { openOrt } from "../platform/node/devices/ort.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { buildProgram } from "../tensor/program.ts";
import { weightInMemory } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { Conv3d, type SpatialPadding } from "./conv3d.ts";

/** A kernel that picks the neighbour above and to the left, so that results show what lies around a frame. */
const shift = Float32Array.from({ length: 27 }, (_, i) => (i === 9 ? 1 : 0));

test.each<[SpatialPadding, number[]]>([
  ["zeros", [0, 0, 0, 0, 1, 2, 0, 4, 5]],
  ["replicate", [1, 1, 2, 1, 1, 2, 4, 4, 5]],
  ["reflect", [5, 4, 5, 2, 1, 2, 5, 4, 5]],
])("%s lie around a frame", async (padding, expected) => {
  const conv = new Conv3d(1, 1);
  conv.weight.name = "weight";
  conv.bias.name = "bias";
  const x = input("x", [1, 1, 1, 3, 3]);
  const weights = new Map([
    ["weight", weightInMemory(hostTensor(shift, [1, 1, 3, 3, 3]))],
    ["bias", weightInMemory(hostTensor([0], [1]))],
  ]);
  for (const runtime of [reference, openOrt()]) {
    const program = buildProgram({ out: conv.forward(x, { causal: true, padding }) }, { keep: runtime.keeps });
    const executable = await runtime.compile(program, { weights });
    const { out } = await executable.run({ x: hostTensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 1, 3, 3]) });
    expect([...out!.data]).toEqual(expected);
    executable.dispose();
  }
});
