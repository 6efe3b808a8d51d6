/** Which runtime computes here, and a plain sentence where it is not the fastest there could be. */
import type { Runtime } from "../../../tensor/runtime.ts";
import { findAdapter, openWebGpu } from "./webgpu.ts";

export type DeviceChoice = "auto" | "webgpu" | "wasm";

export interface Device {
  readonly name: Exclude<DeviceChoice, "auto">;
  /** For receipts: `wasm`, or `webgpu` with the adapter's name. */
  readonly label: string;
  readonly runtime: Runtime;
  /** What it can hold at once. */
  readonly limitBytes: number;
  /** What a user should know about the choice. */
  readonly sentences: readonly string[];
  /** What happened to it since the last call that a user should know. */
  readonly news: () => readonly string[];
}

export interface DeviceOptions {
  /** Opens the fallback: `openWasm` over a module of the page's choice. */
  readonly wasm: () => Runtime;
}

/** WebAssembly addresses 4 GiB, and its heap has gaps. */
const wasmBytes = 3.5e9;

/**
 * The graphics card where there is one, else the processor. A software adapter is a processor that pretends, slower than
 * WebAssembly: it computes only where WebGPU was asked for.
 * @throws UnsupportedError where WebGPU was asked for and is not there
 */
export async function chooseDevice(choice: DeviceChoice, { wasm }: DeviceOptions): Promise<Device> {
  const found = choice === "wasm" ? undefined : await findAdapter();
  if (choice === "webgpu" || (found && !found.isSoftware)) {
    const untold: string[] = [];
    const runtime = await openWebGpu(found, {}, (sentence) => untold.push(sentence));
    const software = found?.isSoftware ? ["It is a software adapter: the processor, and slowly."] : [];
    return {
      name: "webgpu",
      label: `webgpu (${found?.name})`,
      runtime,
      limitBytes: Number.POSITIVE_INFINITY, // no page is told; the runtime says when it is full
      sentences: [`This page computes with WebGPU (${found?.name}).`, ...software],
      news: () => untold.splice(0),
    };
  }
  const sentences = wasmSentences(choice, found !== undefined);
  return { name: "wasm", label: "wasm", runtime: wasm(), limitBytes: wasmBytes, sentences, news: () => [] };
}

function wasmSentences(choice: DeviceChoice, hasSoftwareAdapter: boolean): string[] {
  const processor = "the processor computes (WebAssembly)";
  if (choice === "wasm") return [`As asked, ${processor}.`, ...threadSentences()];
  const reason = hasSoftwareAdapter ? "has WebGPU in software only" : "has no WebGPU here";
  return [`This browser ${reason}, so ${processor}: slower than a graphics card.`, ...threadSentences()];
}

const threadSentences = (): string[] =>
  globalThis.crossOriginIsolated
    ? []
    : [
        "It has one thread only, because this server does not isolate the page (COOP and COEP headers); turbo2k studio does.",
      ];
