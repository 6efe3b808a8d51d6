/** GPUs by Dawn, the WebGPU of Chromium, in its build for Node. */
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { UnsupportedError } from "../../../base/errors.ts";
import { type Adapter, describeAdapter, deviceDescriptor } from "../../../runtimes/webgpu/adapter.ts";
import { createLasting } from "../../../runtimes/webgpu/lasting.ts";
import { createWebGpu, type WebGpuOptions, type WebGpuRuntime } from "../../../runtimes/webgpu/webgpu.ts";

let opened: Promise<GPU> | undefined;

/** Dawn, loaded on first use. What it holds lives as long as the process. @throws UnsupportedError where it cannot load */
function openDawn(): Promise<GPU> {
  opened ??= (async () => {
    process.env["XDG_RUNTIME_DIR"] ??= tmpdir(); // Mesa's software driver complains without one
    try {
      const { create } = await import("webgpu");
      return create(["enable-dawn-features=allow_unsafe_apis"]); // subgroup matrices are still experimental
    } catch (cause) {
      throw new UnsupportedError("Dawn does not load here", { cause, hint: "use --device cpu" });
    }
  })();
  return opened;
}

/** Whether looking for a GPU is worth it: where Linux shows no graphics device, Dawn would only print warnings. */
export function mayHaveGpu(): boolean {
  if (process.platform !== "linux") return true;
  try {
    return readdirSync("/dev").some((name) => /^(dri|dxg|kfd|mali\d*|nvidia(\d+|ctl))$/.test(name));
  } catch {
    return true;
  }
}

/** The adapter that Dawn puts first, if there is any. */
export async function findAdapter(): Promise<Adapter | undefined> {
  const gpu = await openDawn();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  return adapter ? describeAdapter(adapter, gpu) : undefined;
}

/** A device with everything that its adapter offers of what kernels can use. */
export async function openGpuDevice({ adapter }: Pick<Adapter, "adapter">): Promise<GPUDevice> {
  return adapter.requestDevice(deviceDescriptor(adapter));
}

/**
 * The GPU runtime. Where its device is lost, a new one of the same adapter takes over, and `onLoss` hears of it.
 * @throws UnsupportedError where there is no adapter
 */
export async function openWebGpu(
  found?: Adapter,
  options: WebGpuOptions = {},
  onLoss?: (sentence: string) => void,
): Promise<WebGpuRuntime> {
  let first = found ?? (await findAdapter());
  if (!first)
    throw new UnsupportedError("no WebGPU adapter was found on this machine", {
      hint: "install a Vulkan driver for your GPU, or use --device cpu",
    });
  const { name } = first;
  const open = async (): Promise<WebGpuRuntime> => {
    // An adapter gives one device; for the next it must be found again.
    const adapter = first ?? (await findAdapter());
    first = undefined;
    if (adapter?.name !== name) throw new UnsupportedError(`${name} is not there any more`);
    return createWebGpu(await openGpuDevice(adapter), { language: adapter.language, ...options });
  };
  return createLasting({ open, onLoss });
}
