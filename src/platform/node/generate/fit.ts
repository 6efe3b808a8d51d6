/** Whether a video fits into this machine's memory, before anything is loaded. */
import { DoesNotFitError } from "../../../base/errors.ts";
import { resized } from "../../../pipelines/draft.ts";
import type { Execution } from "../../../pipelines/execution.ts";
import { planVideo, smaller, type VideoPlan } from "../../../pipelines/plan.ts";
import { isWebGpu } from "../../../runtimes/webgpu/webgpu.ts";
import { freeMemory } from "../inspect/memory.ts";
import type { Prepared } from "./prepare.ts";

export interface FitOptions {
  /** Memory that the process may have in all. */
  readonly limit?: number;
  /** Billions of operations a second; only the seconds of the plan depend on it. */
  readonly gflops?: number;
  /** Memory that the process had before anything ran. Default: what it has now. */
  readonly baseBytes?: number;
}

type Planned = Pick<Prepared, "model" | "runtime" | "request" | "memory">;

const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;

/** What this request takes here. */
export function planFor(prepared: Planned, { gflops = usualGflops, limit, baseBytes }: FitOptions = {}): VideoPlan {
  const { model, runtime, request } = prepared;
  const isGpu = isWebGpu(runtime);
  return planVideo(model, request, {
    gflops,
    baseBytes: isGpu ? 0 : (baseBytes ?? process.memoryUsage.rss()),
    memoryBytes: limit ?? limitOf(prepared),
    gpu: isGpu ? runtime.bytesOf : undefined,
    once: runtime.name === "ort", // on a GPU handing keys and values over costs more than making them
    keeps: runtime.keeps,
  });
}

/** How to make again what was made elsewhere. */
export const executionFor = (prepared: Planned): Execution => planFor(prepared).execution;

/** Where nobody has measured: of a few cores. What is chosen depends little on it. */
const usualGflops = 150;

/** Memory that the process has or can still get. */
export const memoryLimit = (): number => process.memoryUsage.rss() + freeMemory();

/**
 * Memory that a run may take: the budget that was given, else what the process can have or, of a GPU, any amount, since
 * WebGPU does not tell how much one has. One that is emulated has the process's.
 */
export const limitOf = ({ runtime, memory }: Pick<Prepared, "runtime" | "memory">): number =>
  memory ?? (isWebGpu(runtime) && !runtime.gpu.limits.isSoftware ? Number.POSITIVE_INFINITY : memoryLimit());

/** The plan of a request. @throws DoesNotFitError that names the nearest setting that fits */
export function refuseTooLarge(prepared: Prepared): VideoPlan {
  const limit = limitOf(prepared);
  const plan = planFor(prepared, { limit });
  const needed = plan.peakBytes;
  if (needed <= limit) return plan;
  throw new DoesNotFitError(
    `this video needs about ${gigabytes(needed)} of ${isWebGpu(prepared.runtime) ? "the GPU's " : ""}memory, ${gigabytes(limit)} are ${prepared.memory ? "allowed" : "free"}`,
    {
      hint: hintFor(prepared, limit),
    },
  );
}

function hintFor(prepared: Prepared, limit: number): string {
  const { model, request } = prepared;
  for (const asked of smaller(request.asked, model)) {
    const { made, draft } = resized(asked, request.draft, model);
    if (planFor({ ...prepared, request: { ...request, asked, made, draft } }, { limit }).peakBytes > limit) continue;
    const { width, height, frames } = asked;
    const isSameSize = width === request.asked.width && height === request.asked.height;
    const flags = [
      ...(isSameSize ? [] : [`--size ${width}x${height}`]),
      ...(frames === request.asked.frames ? [] : [`--frames ${frames}`]),
    ];
    return `${flags.join(" ")} fits`;
  }
  return "this model does not fit here at any size";
}
