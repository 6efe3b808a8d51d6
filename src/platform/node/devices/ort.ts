import { availableParallelism } from "node:os";
import * as onnxruntime from "onnxruntime-node";
import { createOrt, type OrtModule, type OrtOptions } from "../../../runtimes/ort/ort.ts";
import type { Runtime } from "../../../tensor/runtime.ts";

/** The CPU runtime: ONNX Runtime's library for Node, one thread for each core unless told otherwise. */
export function openOrt(options: OrtOptions = {}): Runtime {
  return createOrt(onnxruntime as unknown as OrtModule, { threads: availableParallelism(), ...options });
}
