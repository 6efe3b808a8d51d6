/** What a card's matrix units do at most through WebGPU: a loop over matrices that stay in registers, and nothing else. */
import { matrixExtensions, matrixWords } from "../../../kernels/matrix-units.ts";
import { unroll } from "../../../kernels/wgsl.ts";

/** Products of a round are of each left operand with each right one, into as many sums. */
const [lefts, rights] = [2, 4];
const subgroups = 4;
/** Of the element e of every operand: small numbers that f16 and sums of f32 hold. */
export const operandAt = (e: number): number => (e % 5) / 4;

export interface PeakShader {
  readonly code: string;
  readonly flopsPerGroup: number;
}

/** Each workgroup writes the first element of a sum, which is `rounds` times that of the operands' product. */
export function matrixPeakShader(side: number, size: number, rounds: number): PeakShader {
  const { zero, load, store, multiplyAdd } = matrixWords(side);
  const { enable = [], diagnostics = [] } = matrixExtensions;
  const lanes = subgroups * size;
  const each = (body: (i: number, j: number) => string) => unroll(lefts, (i) => unroll(rights, (j) => body(i, j)));
  const code = `${enable.map((name) => `enable ${name};`).join("\n")}
${diagnostics.map((name) => `diagnostic(off, ${name});`).join("\n")}
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
var<workgroup> operand: array<f16, ${side * side}>;
var<workgroup> staged: array<f32, ${subgroups * side * side}>;

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  for (var e = lane; e < ${side * side}u; e += ${lanes}u) { operand[e] = f16(e % 5u) / 4.0h; }
  workgroupBarrier();
${unroll(lefts, (i) => `  let left${i} = ${load("left", "operand", "0u", "row_major", side)};`)}
${unroll(rights, (j) => `  let right${j} = ${load("right", "operand", "0u", "row_major", side)};`)}
${each((i, j) => `  var sum${i}_${j} = ${zero};`)}
  for (var round = 0u; round < ${rounds}u; round++) {
${each((i, j) => `    ${multiplyAdd(`left${i}`, `right${j}`, `sum${i}_${j}`)}`)}
  }
${each((i, j) => `  ${store("staged", `lane / ${size}u * ${side * side}u`, `sum${i}_${j}`, side)}\n  workgroupBarrier();`)}
  if (lane == 0u) { out[id.x] = staged[0]; }
}
`;
  return { code, flopsPerGroup: 2 * side ** 3 * lefts * rights * rounds * subgroups };
}

const [groups, rounds] = [4096, 1024];
const least = 0.2;

/** Billions of operations a second, with f16 operands and f32 sums. */
export async function measureMatrixPeak(device: GPUDevice, side: number, size: number): Promise<number> {
  const { code, flopsPerGroup } = matrixPeakShader(side, size, rounds);
  const module = device.createShaderModule({ code, label: "peak of matrix units" });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const buffer = device.createBuffer({ size: 4 * groups, usage: 0x80 }); // STORAGE
  const layout = pipeline.getBindGroupLayout(0);
  const bindings = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  const seconds = async (times: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(groups);
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000;
  };
  try {
    await seconds(1);
    const times = Math.min(100, Math.ceil(least / (await seconds(1))));
    return (flopsPerGroup * groups * times) / (await seconds(times)) / 1e9;
  } finally {
    buffer.destroy();
  }
}
