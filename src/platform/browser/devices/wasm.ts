/** The fallback that every browser has: ONNX Runtime as WebAssembly. */
import { createOrt, type OrtModule } from "../../../runtimes/ort/ort.ts";
import type { Runtime } from "../../../tensor/runtime.ts";

/** The parts of the module `onnxruntime-web/wasm` that are set here. */
export interface OrtWebModule {
  readonly env: {
    readonly wasm: { numThreads?: number; wasmPaths?: string | { wasm?: string | URL; mjs?: string | URL } };
  };
}

export interface WasmOptions {
  /** Where the module finds its own two files, if not beside the script. */
  readonly paths?: { readonly wasm: string; readonly mjs: string };
  readonly threads?: number;
}

/** Threads need memory that they share, which pages get only from servers that isolate them (COOP and COEP). */
export const wasmThreads = (): number => (globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1);

/** The runtime over `import * as ort from "onnxruntime-web/wasm"`. The module can be set up only once in a page. */
export function openWasm(module: unknown, { paths, threads = wasmThreads() }: WasmOptions = {}): Runtime {
  const { wasm } = (module as OrtWebModule).env;
  wasm.numThreads = threads;
  if (paths) wasm.wasmPaths = { ...paths };
  return createOrt(module as OrtModule);
}
