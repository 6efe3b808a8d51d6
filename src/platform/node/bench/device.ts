/** What benchmarks run on. */
import { InputError } from "../../../base/errors.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { openDevice } from "../devices/open-device.ts";
import { openOrt } from "../devices/ort.ts";

export interface TimedDevice {
  /** For reports: `cpu`, or `webgpu` with the adapter's name. */
  readonly name: string;
  readonly runtime: Runtime;
}

const half = { weights: "f16", between: "f16", products: "f16" } as const;

/** However the CPU was chosen, it is measured with these threads. @throws InputError for f16 without a GPU */
export async function openTimed({
  device = "cpu",
  precision = "f32",
  threads,
}: {
  /** The CPU by default, so that figures compare. */
  readonly device?: GenerateRequest["device"];
  readonly precision?: "f32" | "f16" | undefined;
  readonly threads: number;
}): Promise<TimedDevice> {
  const opened = device === "cpu" ? undefined : await openDevice(device, precision === "f16" ? half : {});
  if (opened && opened.name !== "cpu") return opened;
  if (precision === "f16")
    throw new InputError("f16 is measured on a GPU only", { hint: "add --device webgpu, where there is one" });
  return { name: "cpu", runtime: openOrt({ threads }) };
}
