/** The GPU runtime for tests: over a real GPU or Mesa's software one, where there is either. */
import { findAdapter, openGpuDevice } from "../platform/node/devices/webgpu.ts";
import { createWebGpu, type WebGpuOptions, type WebGpuRuntime } from "../runtimes/webgpu/webgpu.ts";

/** One runtime for each list of options, or none, said aloud, where no adapter is found. */
export async function webGpuForTests(...options: WebGpuOptions[]): Promise<WebGpuRuntime[]> {
  const adapter = await findAdapter().catch(() => undefined);
  if (!adapter) {
    console.warn("skipped: no WebGPU adapter on this machine (Debian: mesa-vulkan-drivers from backports)");
    return [];
  }
  const device = await openGpuDevice(adapter);
  return (options.length ? options : [{}]).map((each) => createWebGpu(device, { language: adapter.language, ...each }));
}

/** Held as long as the process: devices crash once Dawn's instance is collected. */
let nullGpu: GPU | undefined;

/** A device that computes nothing and checks shaders as Chromium does: on every machine, with every feature. */
export async function nullGpuDevice(): Promise<GPUDevice> {
  const { create } = await import("webgpu");
  nullGpu ??= create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = (await nullGpu.requestAdapter())!;
  return openGpuDevice({ adapter });
}
