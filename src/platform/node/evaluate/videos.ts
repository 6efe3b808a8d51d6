/** Figures of video files, read once from start to end: `turbo2k eval videos`. */
import { readdir, stat } from "node:fs/promises";
import { CancelledError, InputError } from "../../../base/errors.ts";
import { ConsistencyMeter } from "../../../metrics/consistency.ts";
import { novelBand } from "../../../metrics/detail.ts";
import { DetailMeter } from "../../../metrics/detail-meter.ts";
import { middleFrames } from "../../../metrics/frame-picker.ts";
import { Meters } from "../../../metrics/meter.ts";
import { DynamicsMeter, SmoothnessMeter, StillnessMeter } from "../../../metrics/motion.ts";
import { type NiqeModel, niqe } from "../../../metrics/niqe/niqe.ts";
import { AgreementMeter, FidelityMeter, type PairMeter } from "../../../metrics/paired.ts";
import type { VideoFigures } from "../../../metrics/report.ts";
import { DefectMeter, FlickerMeter } from "../../../metrics/temporal.ts";
import { WarpMeter } from "../../../metrics/warp-error.ts";
import type { Frame } from "../../../video/frame.ts";
import { probeVideo, readVideo } from "../video/read.ts";
import type { LearnedMeter } from "./learned.ts";
import { partnerOf } from "./video-files.ts";

export interface VideoRequest {
  /** Rows of the low resolution; of `low` where it is not given. Detail counts from what it cannot carry. */
  readonly lowHeight?: number | undefined;
  /** Rate of folders of pictures, which do not say. */
  readonly fps: number;
  readonly niqe?: NiqeModel | undefined;
  /** Frames that NIQE looks at; all of them where there are no more. */
  readonly niqeFrames: number;
  /** Leaves out what costs most at 2K: everything that follows motion. */
  readonly quick?: boolean | undefined;
  readonly reference?: string | undefined;
  readonly low?: string | undefined;
  /** Meters of learned metrics for a video of so many frames. */
  readonly learned?: ((file: string, frames: number) => readonly LearnedMeter[]) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** All figures of one video. */
export async function measureVideo(
  file: string,
  request: VideoRequest,
  count = 1,
): Promise<VideoFigures & { readonly cut: number }> {
  const { fps, frames, height } = await aboutOf(file, request.fps);
  const cut = await cutOf(file, height, request, count);
  const motion = request.quick
    ? []
    : [new SmoothnessMeter(), new DynamicsMeter(fps), new StillnessMeter(), new WarpMeter()];
  const detail = new DetailMeter(cut, { motion: !request.quick });
  const meters = new Meters([new FlickerMeter(), new DefectMeter(fps), detail, new ConsistencyMeter(), ...motion]);
  const learned = request.learned?.(file, frames) ?? [];
  const pairs = await openPairs(file, request, { count, cut });
  const seenByNiqe = new Set(middleFrames(frames, Math.min(frames, request.niqeFrames)));
  const scores: { score: number; flat: number }[] = [];
  let index = 0;
  try {
    for await (const frame of readVideo(file)) {
      if (request.signal?.aborted) throw new CancelledError();
      meters.take(frame);
      for (const meter of learned) await meter.take(frame, index);
      for (const pair of pairs) await pair.take(frame, index);
      if (request.niqe && seenByNiqe.has(index)) scores.push(niqe(frame, request.niqe));
      index++;
    }
    for (const pair of pairs) await pair.end(index);
  } finally {
    for (const pair of pairs) await pair.close();
  }
  const mean = (pick: (one: (typeof scores)[number]) => number) =>
    scores.reduce((sum, one) => sum + pick(one), 0) / scores.length;
  const figures: Record<string, number> = Object.assign(meters.figures(), ...pairs.map(({ meter }) => meter.figures()));
  if (scores.length) {
    figures[niqeName(request.niqe!)] = mean(({ score }) => score);
    figures["flat_share"] = mean(({ flat }) => flat);
  }
  for (const meter of learned) Object.assign(figures, await meter.figures());
  if (figures["wf/static"] === 1 && figures["temporal_mae"] !== undefined)
    figures["wf/temporal_flickering_static"] = figures["temporal_mae"];
  return { file, cut, figures };
}

/** Where nothing says what was upscaled: by two. */
const usualCut = 0.25;

async function cutOf(
  file: string,
  height: number,
  { low, lowHeight, fps }: VideoRequest,
  count: number,
): Promise<number> {
  if (lowHeight !== undefined) return novelBand(lowHeight, height);
  return low === undefined
    ? usualCut
    : novelBand((await aboutOf(await partnerOf(file, low, { count, isLow: true }), fps)).height, height);
}

/** Published parameters keep the published name. */
export const niqeName = ({ name, isPublished }: Pick<NiqeModel, "name" | "isPublished">): string =>
  isPublished ? "niqe" : `niqe@${name}`;

async function aboutOf(file: string, fps: number): Promise<{ fps: number; frames: number; height: number }> {
  if (!(await stat(file).catch(() => undefined))?.isDirectory()) return probeVideo(file);
  const pictures = (await readdir(file)).filter((name) => name.toLowerCase().endsWith(".png"));
  for await (const { height } of readVideo(file, { limit: 1 })) return { fps, frames: pictures.length, height };
  throw new InputError("there are no png files here", { where: file });
}

/** A second video that is read alongside. */
interface Pair {
  readonly meter: PairMeter;
  take(frame: Frame, index: number): Promise<void>;
  end(frames: number): Promise<void>;
  close(): Promise<void>;
}

async function openPairs(
  file: string,
  { reference, low }: VideoRequest,
  { count, cut }: { readonly count: number; readonly cut: number },
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  if (reference !== undefined)
    pairs.push(pairWith(await partnerOf(file, reference, { count }), new FidelityMeter(cut)));
  if (low !== undefined) pairs.push(pairWith(await partnerOf(file, low, { count, isLow: true }), new AgreementMeter()));
  return pairs;
}

function pairWith(path: string, meter: PairMeter): Pair {
  const frames = readVideo(path);
  const other = (wants: string) => new InputError(`${wants}; pairs must have equal frame counts`, { where: path });
  return {
    meter,
    async take(frame, index) {
      const next = await frames.next();
      if (next.done) throw other(`it has only ${index} frames`);
      meter.take(frame, next.value);
    },
    async end(count) {
      if (!(await frames.next()).done) throw other(`it has more than ${count} frames`);
    },
    close: async () => void (await frames.return(undefined)),
  };
}
