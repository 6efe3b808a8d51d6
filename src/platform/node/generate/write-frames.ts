/** Decoded frames into a finished file: hashed, with the receipt inside. */
import type { StagePlan } from "../../../pipelines/plan.ts";
import type { Receipt, ReceiptDraft } from "../../../schema/receipt.ts";
import type { Frame } from "../../../video/frame.ts";
import type { VideoWriter } from "../video/write.ts";
import type { GenerateEvent } from "./events.ts";
import type { StageClock } from "./stage-clock.ts";

/** Writes all frames and finishes the file; the writer is closed whatever happens. */
export async function* writeFrames(
  frames: AsyncIterable<Frame>,
  writer: VideoWriter,
  draft: ReceiptDraft,
  clock: StageClock,
  plan: readonly StagePlan[] = [],
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
    const stages = measured(clock, plan);
    const receipt: Receipt = { ...draft, stages, framesSha256, created: new Date().toISOString() };
    const { path } = await writer.finish(receipt);
    return { output: path, receipt };
  } finally {
    await writer.abort(); // does nothing after `finish`
  }
}

/** What stages took, beside the work that was planned for them. */
function measured(clock: StageClock, plan: readonly StagePlan[]): NonNullable<Receipt["stages"]> {
  return clock.reports().map((report) => {
    const planned = plan.find(({ name }) => name === report.name);
    if (!planned?.flops) return { ...report };
    const { runs, flops, tokens } = planned;
    return { ...report, runs, secondsPerRun: report.seconds / runs, flops, ...(tokens ? { tokens } : {}) };
  });
}
