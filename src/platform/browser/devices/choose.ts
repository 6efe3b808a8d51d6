/** Which runtime computes here, and a plain sentence where it is not the fastest there could be. */
import { UnsupportedError } from "../../../base/errors.ts";
import type { Runtime } from "../../../tensor/runtime.ts";

export type DeviceChoice = "auto" | "webgpu" | "wasm";

export interface Device {
  readonly name: Exclude<DeviceChoice, "auto">;
  readonly runtime: Runtime;
  /** What it can hold at once. */
  readonly limitBytes: number;
  /** What a user should know about the choice. */
  readonly sentences: readonly string[];
}

export interface DeviceOptions {
  /** Opens the fallback: `openWasm` over a module of the page's choice. */
  readonly wasm: () => Runtime;
}

/** WebAssembly addresses 4 GiB, and its heap has gaps. */
const wasmBytes = 3.5e9;

/** @throws UnsupportedError where the device that was asked for is not there */
export async function chooseDevice(choice: DeviceChoice, { wasm }: DeviceOptions): Promise<Device> {
  if (choice === "webgpu")
    throw new UnsupportedError("this version computes with WebAssembly only", { hint: "leave the choice to the page" });
  return { name: "wasm", runtime: wasm(), limitBytes: wasmBytes, sentences: wasmSentences() };
}

function wasmSentences(): string[] {
  const sentences = ["This page computes on the processor (WebAssembly)."];
  if (!globalThis.crossOriginIsolated)
    sentences.push(
      "It has one thread only, because this server does not isolate the page (COOP and COEP headers); turbo2k studio does.",
    );
  return sentences;
}
