/** Two-stage synthesis beside what it stands against, stage by stage: `turbo2k eval stages`. */
import { CancelledError } from "../../../base/errors.ts";
import { agreementOf } from "../../../metrics/agreement.ts";
import { blockiness, novelBand, Spectrum } from "../../../metrics/detail.ts";
import { lumaOf } from "../../../metrics/plane.ts";
import { type ArmName, type ArmRequest, arms, draftRequest } from "../../../pipelines/arms.ts";
import { fitFrame } from "../../../pipelines/fit-frames.ts";
import { textToVideo } from "../../../pipelines/text-to-video.ts";
import type { Frame } from "../../../video/frame.ts";
import { refuseTooLarge } from "../generate/fit.ts";
import type { Prepared } from "../generate/prepare.ts";
import { StageClock, type StageReport } from "../generate/stage-clock.ts";

export interface ArmResult {
  readonly arm: ArmName;
  readonly stages: readonly StageReport[];
  readonly seconds: number;
  /** Root mean square of what lies above all that the draft's size can carry, in 8-bit code units. */
  readonly novelBand: number;
  /** Steps across the borders of latent cells over steps elsewhere; about 1 where they do not show. */
  readonly blockiness: number;
  /** How closely the video, made small, follows the draft. */
  readonly agreement: { readonly ssim: number; readonly edges: number; readonly lowBandPsnr: number };
}

export interface MadeArm extends ArmResult {
  /** The middle frame. */
  readonly frame: Frame;
}

/** Makes one prompt's video in each arm, all as two stages fit into memory; frames are measured as they come and not kept. */
export async function* compareArms(
  prepared: Prepared,
  names: readonly ArmName[],
  signal?: AbortSignal,
): AsyncGenerator<MadeArm> {
  const { model, runtime, request } = prepared;
  const armRequest: ArmRequest = { ...request, draft: request.draft! };
  const options = { signal, execution: refuseTooLarge(prepared).execution };
  const draft: Frame[] = [];
  for await (const event of textToVideo(model, runtime, draftRequest(armRequest), options))
    if (event.type === "frame") draft.push(event.frame);
  for (const arm of names) {
    const clock = new StageClock();
    const spectrum = Spectrum.fitting(request.asked);
    const sums = { ssim: 0, edges: 0, lowBandPsnr: 0, blockiness: 0 };
    let count = 0;
    let current = "text";
    let middle: Frame | undefined;
    for await (const event of arms[arm](model, runtime, armRequest, options)) {
      if (signal?.aborted) throw new CancelledError();
      if (event.type === "stage") {
        current = event.name;
        clock.enter(current);
        continue;
      }
      clock.enter("measure");
      const frame = fitFrame(event.frame, request.asked);
      const luma = lumaOf(frame);
      spectrum.take(luma);
      sums.blockiness += blockiness(luma, 32);
      const agreement = agreementOf(draft[count]!, event.frame);
      for (const key of ["ssim", "edges", "lowBandPsnr"] as const) sums[key] += agreement[key];
      if (count === draft.length >> 1) middle = frame;
      count++;
      clock.enter(current);
    }
    const stages = clock.stop().filter(({ name }) => name !== "measure");
    yield {
      arm,
      stages,
      seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0),
      novelBand: spectrum.rms(novelBand(armRequest.draft.height, request.made.height)),
      blockiness: sums.blockiness / count,
      agreement: { ssim: sums.ssim / count, edges: sums.edges / count, lowBandPsnr: sums.lowBandPsnr / count },
      frame: middle!,
    };
  }
}
