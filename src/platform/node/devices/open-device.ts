/** The runtime of a device by name. */

import type { WebGpuOptions } from "../../../runtimes/webgpu/webgpu.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { openOrt } from "./ort.ts";
import { findAdapter, mayHaveGpu, openWebGpu } from "./webgpu.ts";

export interface Device {
  readonly runtime: Runtime;
  /** For receipts: `cpu`, or `webgpu` with the adapter's name. */
  readonly name: string;
  /** What to tell a user that was not told yet: about the choice, where it was left to us; about a GPU that was lost. */
  readonly news: () => readonly string[];
}

/** Without an arena a plan can say what memory a run takes. */
const cpu = (): Device => ({ name: "cpu", runtime: openOrt({ arena: false }), news: () => [] });

/**
 * @param wanted `auto` is a GPU where there is one, else the CPU; a GPU that is emulated in software is never chosen
 * @param gpu what a GPU stores and multiplies in fewer bits; nothing by default
 * @throws UnsupportedError where a GPU is asked for and there is none
 */
export async function openDevice(wanted: GenerateRequest["device"] = "auto", gpu: WebGpuOptions = {}): Promise<Device> {
  if (wanted === "cpu" || (wanted === "auto" && !mayHaveGpu())) return cpu();
  const adapter = await findAdapter().catch((cause) => {
    if (wanted === "webgpu") throw cause;
    return undefined;
  });
  if (wanted === "auto" && (!adapter || adapter.isSoftware)) return cpu();
  const untold = wanted === "auto" ? [`computing on ${adapter!.name}; --device cpu for the CPU`] : [];
  const runtime = await openWebGpu(adapter, gpu, (sentence) => untold.push(sentence));
  return { name: `webgpu (${adapter?.name})`, runtime, news: () => untold.splice(0) };
}
