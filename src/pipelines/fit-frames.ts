/** What a pipeline makes, at the size and length that were asked for. */
import type { Frame } from "../video/frame.ts";
import { cropFrame } from "../video/resize.ts";
import type { VideoSize } from "./latents.ts";
import type { PipelineEvent } from "./text-to-video.ts";

/** The middle of a picture, at the size asked for. */
export function fitFrame(frame: Frame, { width, height }: Pick<VideoSize, "width" | "height">): Frame {
  if (frame.width === width && frame.height === height) return frame;
  return cropFrame(frame, { x: (frame.width - width) >> 1, y: (frame.height - height) >> 1, width, height });
}

/** The first `frames` frames of a pipeline, each at the size asked for. */
export async function* fitFrames(events: AsyncIterable<PipelineEvent>, asked: VideoSize): AsyncGenerator<Frame> {
  for await (const event of events) {
    if (event.type !== "frame") continue;
    yield fitFrame(event.frame, asked);
    if (event.index + 1 === asked.frames) return;
  }
}
