import { expect, test } from "vitest";
import { lowerSubgroupMatrices } from "../../../testing/subgroup-matrix.ts";
import { nullGpuDevice, webGpuForTests } from "../../../testing/webgpu.ts";
import { matrixPeakShader, operandAt } from "./matrix-peak.ts";

const [plain] = await webGpuForTests();

test.each([8, 16])("the loop over matrices of %i compiles in Dawn", async (side) => {
  const device = await nullGpuDevice();
  const module = device.createShaderModule({ code: matrixPeakShader(side, 32, 1024).code });
  await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
});

test.skipIf(!plain?.gpu.limits.f16)("it multiplies as often as it says", async () => {
  const [side, size, rounds] = [8, 32, 3];
  const { code, flopsPerGroup } = matrixPeakShader(side, size, rounds);
  const { gpu } = plain!;
  const shader = { code: lowerSubgroupMatrices(code, size), bindings: ["storage"] as const };
  const { pipeline, layout } = await gpu.pipeline(shader, "peak");
  const block = await gpu.allocate(16, "peak");
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer: block.buffers[0]! } }];
  pass.setBindGroup(0, gpu.device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(2);
  pass.end();
  const [bytes] = await gpu.read(encoder, [{ block, bytes: 16 }]);
  gpu.free(block);
  let once = 0;
  for (let k = 0; k < side; k++) once += operandAt(k) * operandAt(k * side);
  expect([...new Float32Array(bytes!)]).toEqual([rounds * once, rounds * once, 0, 0]);
  expect(flopsPerGroup).toBe(4 * 2 * 4 * rounds * 2 * side ** 3);
});
