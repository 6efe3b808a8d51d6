/** Whether a video fits into what a tab may take, before anything is computed. */
import { DoesNotFitError } from "../../../base/errors.ts";
import { snap, type VideoSize } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { planVideo, smaller } from "../../../pipelines/plan.ts";
import type { ResolvedRequest } from "../../../pipelines/resolve.ts";
import type { Runtime } from "../../../tensor/runtime.ts";

/** WebAssembly addresses 4 GiB, and its heap has gaps. */
const limitBytes = 3.5e9;

const describe = ({ width, height, frames }: VideoSize): string => `${width}x${height} with ${frames} frames`;

/** @throws DoesNotFitError that names the nearest setting that fits */
export function refuseTooLarge(request: ResolvedRequest, model: TextToVideoModel, { keeps }: Runtime): void {
  const bytesOf = (asked: VideoSize): number => {
    const made = snap(asked, model.vae.config);
    return planVideo(model, { ...request, asked, made }, { gflops: 1, baseBytes: 0, keeps }).peakBytes;
  };
  const needed = bytesOf(request.asked);
  if (needed <= limitBytes) return;
  let hint = "ask for a smaller size or fewer frames";
  for (const asked of smaller(request.asked, model))
    if (bytesOf(asked) <= limitBytes) {
      hint = `${describe(asked)} would fit`;
      break;
    }
  throw new DoesNotFitError(
    `${describe(request.asked)} needs about ${(needed / 1e9).toFixed(1)} GB, and a tab has ${limitBytes / 1e9} GB to compute in`,
    { hint },
  );
}
