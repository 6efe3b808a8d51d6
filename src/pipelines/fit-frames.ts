/** What a pipeline makes, at the size and length that were asked for. */
import type { Frame } from "../video/frame.ts";
import { cropFrame, resizeFrame } from "../video/resize.ts";
import type { VideoSize } from "./latents.ts";
import type { PipelineEvent } from "./text-to-video.ts";

interface Fit extends Pick<VideoSize, "width" | "height"> {
  /** Two passes of a multi-scale pipeline make another size than what is asked for, which is then resized. */
  readonly draft?: { readonly upscaled?: boolean | undefined } | undefined;
}

/** The middle of a picture, or all of it, at the size asked for. */
export function fitFrame(frame: Frame, { width, height, draft }: Fit): Frame {
  if (frame.width === width && frame.height === height) return frame;
  if (draft?.upscaled) return resizeFrame(frame, width, height, "bilinear");
  return cropFrame(frame, { x: (frame.width - width) >> 1, y: (frame.height - height) >> 1, width, height });
}

/** The first `frames` frames of a pipeline, each at the size asked for. */
export async function* fitFrames(events: AsyncIterable<PipelineEvent>, asked: VideoSize & Fit): AsyncGenerator<Frame> {
  for await (const event of events) {
    if (event.type !== "frame") continue;
    yield fitFrame(event.frame, asked);
    if (event.index + 1 === asked.frames) return;
  }
}
