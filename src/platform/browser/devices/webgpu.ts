/** GPUs by the browser's own WebGPU. */
import { UnsupportedError } from "../../../base/errors.ts";
import { type Adapter, describeAdapter, deviceDescriptor } from "../../../runtimes/webgpu/adapter.ts";
import { createLasting } from "../../../runtimes/webgpu/lasting.ts";
import { createWebGpu, type WebGpuOptions, type WebGpuRuntime } from "../../../runtimes/webgpu/webgpu.ts";

/** The adapter that the browser puts first, if it has any. */
export async function findAdapter(): Promise<Adapter | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return adapter ? describeAdapter(adapter, navigator.gpu) : undefined;
}

/**
 * The GPU runtime. Where its device is lost, a new one takes over, and `onLoss` hears of it.
 * @throws UnsupportedError where the browser has no adapter, or gives no device of it
 */
export async function openWebGpu(
  found?: Adapter,
  options: WebGpuOptions = {},
  onLoss?: (sentence: string) => void,
): Promise<WebGpuRuntime> {
  let first = found;
  const open = async (): Promise<WebGpuRuntime> => {
    // An adapter gives one device; for the next it must be found again.
    const { adapter, language } = first ?? (await findAdapter()) ?? {};
    first = undefined;
    if (!adapter)
      throw new UnsupportedError("this browser has no WebGPU adapter", {
        hint: "choose WebAssembly, or a browser and a graphics driver with WebGPU",
      });
    try {
      return createWebGpu(await adapter.requestDevice(deviceDescriptor(adapter)), { language, ...options });
    } catch (cause) {
      throw new UnsupportedError("the browser does not open the graphics card", { cause, hint: "choose WebAssembly" });
    }
  };
  return createLasting({ open, onLoss });
}
