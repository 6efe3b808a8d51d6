/** What this machine can do: for `turbo2k doctor`. */
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { version } from "../../../base/version.ts";
import { openOrt } from "../devices/ort.ts";
import { memoryLimit } from "../generate/fit.ts";
import { modelPath } from "../generate/package-root.ts";
import { registerCodecs } from "../video/codecs.ts";
import { describeModel } from "./describe-model.ts";
import { type GpuCheck, inspectGpu } from "./gpu.ts";
import { measureRate } from "./rate.ts";

export interface Check {
  readonly ok: boolean;
  /** What was found, or why it is not there. */
  readonly found: string;
}

export interface Diagnosis {
  readonly turbo2k: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: { readonly model: string; readonly threads: number };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly runtimes: { readonly ort: Check & { readonly gflops?: number }; readonly webgpu: Check & GpuCheck };
  readonly codecs: Check;
  readonly mini: Check;
}

export async function diagnose(): Promise<Diagnosis> {
  return {
    turbo2k: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: { model: cpus()[0]?.model.trim() || "unknown", threads: availableParallelism() },
    memory: { totalBytes: totalmem(), freeBytes: memoryLimit() },
    runtimes: { ort: await checkOrt(), webgpu: await checkWebGpu() },
    codecs: await check(async () => {
      await registerCodecs();
      return "mp4 and webm can be written and read";
    }),
    mini: await check(async () => {
      const { path, faults } = await describeModel(await modelPath("mini"));
      if (faults.length) throw new Error(faults.join("; "));
      return path;
    }),
  };
}

async function checkOrt(): Promise<Check & { gflops?: number }> {
  let gflops: number | undefined;
  const result = await check(async () => {
    gflops = await measureRate(openOrt());
    const require = createRequire(import.meta.url);
    return `ONNX Runtime ${(require("onnxruntime-node/package.json") as { version: string }).version}`;
  });
  return { ...result, ...(gflops === undefined ? {} : { gflops: Math.round(gflops) }) };
}

async function checkWebGpu(): Promise<Check & GpuCheck> {
  let gpu: GpuCheck = {};
  const result = await check(async () => {
    gpu = await inspectGpu();
    return gpu.adapter!;
  });
  return { ...result, ...gpu };
}

async function check(work: () => Promise<string>): Promise<Check> {
  try {
    return { ok: true, found: await work() };
  } catch (cause) {
    return { ok: false, found: cause instanceof Error ? cause.message : String(cause) };
  }
}
