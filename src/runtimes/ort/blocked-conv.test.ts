import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as onnxruntime from "onnxruntime-node";
import { expect, test } from "vitest";
import { gaussian } from "../../base/philox.ts";
import { openOrt } from "../../platform/node/devices/ort.ts";
import { type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import { buildProgram } from "../../tensor/program.ts";
import { input, parameter } from "../../tensor/tensor.ts";
import { relativeError } from "../../testing/relative-error.ts";
import { reference } from "../reference/reference.ts";
import { channelBlock } from "./blocked-conv.ts";
import { decodeNodes } from "./onnx-file.ts";
import type { OrtModule } from "./ort.ts";

const block = await channelBlock(onnxruntime as unknown as OrtModule);

const none: [number, number] = [0, 0];
const one: [number, number] = [1, 1];
const cases: [string, number[], number[], Partial<OpAttributes["conv"]>][] = [
  ["frames padded before", [2, 16, 2, 12, 13], [32, 16, 3, 3, 3], { padding: [[2, 0], one, one] }],
  ["one frame at a time", [1, 32, 2, 12, 12], [16, 32, 1, 3, 3], { padding: [none, [2, 0], [0, 2]] }],
  ["strides", [1, 16, 4, 17, 19], [16, 16, 2, 3, 3], { stride: [2, 2, 2], padding: [[1, 0], one, [1, 0]] }],
];

test.runIf(block).each(cases)("a conv in blocks: %s", async (_, shape, kernel, options) => {
  const [x, w] = [shape, kernel].map((size, i) => hostTensor(gaussian(sizeOf(size), 5, i), size)) as [
    HostTensor,
    HostTensor,
  ];
  const weight = Object.assign(parameter(kernel), { name: "weight" });
  const y = input("x", shape).conv(weight, options);
  const program = buildProgram({ y }, { updates: new Map([[weight, weight.mul(0.5)]]) });
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-ort-"));
  try {
    const dump = join(folder, "graph.onnx");
    const [got, expected] = await Promise.all(
      [openOrt({ dump }), reference].map(async (runtime) => {
        const state = await runtime.state(new Map([["weight", w]]));
        return (await runtime.compile(program, { state })).run({ x });
      }),
    );
    expect(relativeError(got!["y"]!.data, expected!["y"]!.data)).toBeLessThan(1e-6);
    const blocked = decodeNodes(await readFile(dump)).filter(({ domain }) => domain === "com.microsoft.nchwc");
    expect(blocked.filter(({ op }) => op === "Conv")).toHaveLength(kernel[2]!);
  } finally {
    await rm(folder, { recursive: true });
  }
});
