/** What the GPU here is, how fast it is now, and which form of the large kernels it gets. */
import { UnsupportedError } from "../../../base/errors.ts";
import { gaussian } from "../../../base/philox.ts";
import { attention } from "../../../kernels/attention.ts";
import { matrixSide } from "../../../kernels/matrix-units.ts";
import { type GpuLimits, wgslDevice } from "../../../runtimes/webgpu/limits.ts";
import type { WebGpuRuntime } from "../../../runtimes/webgpu/webgpu.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { buildProgram } from "../../../tensor/program.ts";
import { weightInMemory } from "../../../tensor/runtime.ts";
import { input, parameter, type Tensor } from "../../../tensor/tensor.ts";
import { findAdapter, openWebGpu } from "../devices/webgpu.ts";
import { measureMatrixPeak } from "./matrix-peak.ts";

export interface GpuCheck {
  readonly adapter?: string;
  readonly isSoftware?: boolean;
  readonly features?: readonly string[];
  readonly limits?: GpuLimits;
  /** Billions of operations a second in chained f32 matrix products. */
  readonly gflops?: number;
  /** The same on matrix units at most, with f16 operands and f32 sums, where the device lists them. */
  readonly matrixGflops?: number;
  /** Billions of bytes a second, read and written once each. */
  readonly copyGBs?: number;
  /** Forms of kernels at the sizes of an LTX-Video 2B layer. */
  readonly variants?: readonly { readonly name: string; readonly variant: string }[];
}

/** @throws UnsupportedError where there is no adapter */
export async function inspectGpu(): Promise<GpuCheck> {
  const adapter = await findAdapter();
  if (!adapter) throw new UnsupportedError("no adapter; a GPU needs a Vulkan driver (on Linux)");
  const runtime = await openWebGpu(adapter);
  const { device, limits } = runtime.gpu;
  const rates = adapter.isSoftware
    ? {} // it says more about the CPU, and takes long
    : {
        gflops: Math.round(await measureProducts(runtime)),
        copyGBs: Math.round(await measureCopies(device)),
        ...(await measureMatrices(device, limits)),
      };
  return {
    adapter: adapter.name,
    isSoftware: adapter.isSoftware,
    features: [...device.features].filter((name) => name !== "core-features-and-limits").sort(),
    limits,
    ...rates,
    variants: variantsOf(runtime),
  };
}

async function measureMatrices(device: GPUDevice, limits: GpuLimits): Promise<Pick<GpuCheck, "matrixGflops">> {
  const wgsl = wgslDevice(limits, "f16");
  const side = matrixSide(wgsl);
  return side ? { matrixGflops: Math.round(await measureMatrixPeak(device, side, wgsl.subgroups!.min)) } : {};
}

export interface LayerSize {
  readonly tokens: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** LTX-Video 2B at 49 frames of 960x544. */
const published: LayerSize = { tokens: 3570, heads: 32, headWidth: 64 };

/** The forms that a layer's product and attention take on this device. */
export function variantsOf(runtime: WebGpuRuntime, size = published): { name: string; variant: string }[] {
  const { tokens, heads, headWidth } = size;
  const width = heads * headWidth;
  const [q, k, v] = ["q", "k", "v"].map((name) => input(name, [1, tokens, width])) as [Tensor, Tensor, Tensor];
  const traced = {
    product: q.matmul(input("weight", [width, width]), { transposeB: true }),
    attention: attention(q, k, v, { heads, scale: headWidth ** -0.5 }),
  };
  return Object.entries(traced).map(([name, out]) => {
    const { steps } = runtime.lower(buildProgram({ out }, { keep: runtime.keeps }));
    return { name, variant: steps.map(({ shader }) => shader.variant).join(", ") };
  });
}

const [size, chain] = [2048, 8];

async function measureProducts(runtime: WebGpuRuntime): Promise<number> {
  const w = Object.assign(parameter([size, size]), { name: "w" });
  const product = Array.from({ length: chain }).reduce<Tensor>((x) => x.matmul(w), w);
  const values = gaussian(size * size, 1, "w").map((x) => x / Math.sqrt(size));
  const weights = new Map([["w", weightInMemory(hostTensor(values, [size, size]))]]);
  const executable = await runtime.compile(buildProgram({ sum: product.sum() }), { weights });
  try {
    await executable.run({});
    const start = performance.now();
    await executable.run({});
    return (2 * chain * size ** 3) / (performance.now() - start) / 1e6;
  } finally {
    executable.dispose();
  }
}

const copied = 2 ** 27;
const times = 16;

async function measureCopies(device: GPUDevice): Promise<number> {
  const usage = 0x4 | 0x8; // COPY_SRC | COPY_DST
  const [from, to] = [0, 1].map(() => device.createBuffer({ size: copied, usage }));
  const round = async () => {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from!, 0, to!, 0, copied);
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (2 * copied * times) / (performance.now() - start) / 1e6;
  };
  try {
    await round();
    return await round();
  } finally {
    from!.destroy();
    to!.destroy();
  }
}
