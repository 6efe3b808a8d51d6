import type { Command } from "commander";
import { type Check, type Diagnosis, diagnose } from "../platform/node/inspect/doctor.ts";
import type { GpuCheck } from "../platform/node/inspect/gpu.ts";
import type { Terminal } from "./terminal.ts";
import { bytes } from "./units.ts";

/** `turbo2k doctor`. */
export function addDoctor(program: Command, terminal: Terminal): void {
  program
    .command("doctor")
    .description("what this machine can do: runtimes, speed, memory, what is installed")
    .option("--json", "print one JSON object on stdout")
    .action(async ({ json }: { json?: boolean }) => {
      const diagnosis = await diagnose();
      terminal.out(json ? JSON.stringify(diagnosis) : describe(diagnosis));
    });
}

function describeGpu({
  isSoftware,
  gflops,
  matrixGflops,
  copyGBs,
  limits,
  features = [],
  variants = [],
}: GpuCheck): string {
  if (!limits) return "";
  const speed = gflops === undefined ? "" : `, ${gflops} GFLOP/s on matrix products now`;
  const matrices = matrixGflops === undefined ? "" : `, ${matrixGflops} GFLOP/s on matrix units at most`;
  const copies = copyGBs === undefined ? "" : `, copies ${copyGBs} GB/s`;
  const indent = (text: string) => `\n             ${text}`;
  return [
    `${isSoftware ? ", emulated on the CPU: used only when asked for" : ""}${speed}${matrices}${copies}`,
    indent(`bindings ${limits.bindings} of ${bytes(limits.bindingBytes)}, buffers ${bytes(limits.bufferBytes)}`),
    `, workgroups ${limits.lanes} lanes with ${bytes(limits.workgroupBytes)}`,
    indent(`features: ${features.join(", ") || "none"}`),
    ...variants.map(({ name, variant }) => indent(`${name}: ${variant}`)),
  ].join("");
}

function describe({ turbo2k, node, platform, cpu, memory, runtimes, codecs, mini }: Diagnosis): string {
  const { gflops } = runtimes.ort;
  const line = (name: string, { ok, found }: Check) => `${ok ? "ok  " : "--  "}${name.padEnd(8)} ${found}`;
  return [
    `turbo2k ${turbo2k}, node ${node}, ${platform}`,
    `cpu      ${cpu.model}, ${cpu.threads} threads`,
    `memory   ${bytes(memory.totalBytes)}, ${bytes(memory.freeBytes)} free`,
    line("cpu", runtimes.ort) + (gflops ? `, ${gflops} GFLOP/s on matrix products now` : ""),
    line("webgpu", runtimes.webgpu) + describeGpu(runtimes.webgpu),
    line("codecs", codecs),
    line("mini", mini),
  ].join("\n");
}
