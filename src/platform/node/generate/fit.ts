/** Whether a video fits into this machine's memory, before anything is loaded. */
import { DoesNotFitError } from "../../../base/errors.ts";
import { draftSize } from "../../../pipelines/draft.ts";
import { snap } from "../../../pipelines/latents.ts";
import { planVideo, smaller, type VideoPlan } from "../../../pipelines/plan.ts";
import { freeMemory } from "../inspect/memory.ts";
import type { Prepared } from "./prepare.ts";

export interface FitOptions {
  /** Billions of operations a second; only the seconds of the plan depend on it. */
  readonly gflops?: number;
}

const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;

/** What this request takes here. */
export function planFor({ model, runtime, request }: Prepared, { gflops = 1 }: FitOptions = {}): VideoPlan {
  return planVideo(model, request, { gflops, baseBytes: process.memoryUsage.rss(), keeps: runtime.keeps });
}

/** Memory that the process has or can still get. */
export const memoryLimit = (): number => process.memoryUsage.rss() + freeMemory();

/** @throws DoesNotFitError that names the nearest setting that fits */
export function refuseTooLarge(prepared: Prepared, limit = memoryLimit()): void {
  const needed = planFor(prepared).peakBytes;
  if (needed <= limit) return;
  throw new DoesNotFitError(`this video needs about ${gigabytes(needed)} of memory, ${gigabytes(limit)} are free`, {
    hint: hintFor(prepared, limit),
  });
}

function hintFor(prepared: Prepared, limit: number): string {
  const { model, request } = prepared;
  for (const asked of smaller(request.asked, model)) {
    const made = snap(asked, model.vae.config);
    const draft = request.draft && { ...request.draft, ...draftSize(made, model) };
    if (planFor({ ...prepared, request: { ...request, asked, made, draft } }).peakBytes > limit) continue;
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
