/** Decoded frames into a finished file: cropped, trimmed, hashed, with the receipt inside. */
import type { VideoSize } from "../../../pipelines/latents.ts";
import type { PipelineEvent } from "../../../pipelines/text-to-video.ts";
import type { Receipt } from "../../../schema/receipt.ts";
import type { Frame } from "../../../video/frame.ts";
import { cropFrame } from "../../../video/resize.ts";
import type { VideoWriter } from "../video/write.ts";
import type { GenerateEvent } from "./events.ts";
import type { ReceiptDraft } from "./latents-file.ts";
import type { StageClock } from "./stage-clock.ts";

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

/** Writes all frames and finishes the file; the writer is closed whatever happens. */
export async function* writeFrames(
  frames: AsyncIterable<Frame>,
  writer: VideoWriter,
  draft: ReceiptDraft,
  clock: StageClock,
): AsyncGenerator<GenerateEvent, { output: string; receipt: Receipt }> {
  try {
    let done = 0;
    clock.enter("decode");
    yield { type: "progress", stage: "decode", done, of: draft.frames };
    for await (const frame of frames) {
      clock.enter("encode");
      await writer.write(frame);
      clock.enter("decode");
      yield { type: "progress", stage: "decode", done: ++done, of: draft.frames };
    }
    clock.enter("encode");
    const framesSha256 = await writer.framesSha256();
    const receipt: Receipt = { ...draft, framesSha256, created: new Date().toISOString() };
    const { path } = await writer.finish(receipt);
    return { output: path, receipt };
  } finally {
    await writer.abort(); // does nothing after `finish`
  }
}
