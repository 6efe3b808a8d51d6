/** Whether a video fits into what a tab may take, before anything is computed. */
import { DoesNotFitError } from "../../../base/errors.ts";
import { resized } from "../../../pipelines/draft.ts";
import type { VideoSize } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { planVideo, smaller } from "../../../pipelines/plan.ts";
import type { ResolvedRequest } from "../../../pipelines/resolve.ts";
import type { Device } from "../devices/choose.ts";

const describe = ({ width, height, frames }: VideoSize): string => `${width}x${height} with ${frames} frames`;

/** @throws DoesNotFitError that names the nearest setting that fits */
export function refuseTooLarge(
  request: ResolvedRequest,
  model: TextToVideoModel,
  { runtime, limitBytes }: Device,
): void {
  const bytesOf = (asked: VideoSize): number => {
    const { made, draft } = resized(asked, request.draft, model);
    return planVideo(model, { ...request, asked, made, draft }, { gflops: 1, baseBytes: 0, keeps: runtime.keeps })
      .peakBytes;
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
    `${describe(request.asked)} needs about ${(needed / 1e9).toFixed(1)} GB, and there are ${limitBytes / 1e9} GB to compute in`,
    { hint },
  );
}
