/**
 * VBench-Long: long videos are scored clip by clip (constants of the official repository, 2026). The reference encodes its
 * clips anew, with loss; here they stay as they are.
 */
import { z } from "zod";
import { InputError } from "../base/errors.ts";
import { meanOf } from "./meter.ts";
import { readDimensions } from "./vbench.ts";
import { backgroundMap, subjectMap } from "./vbench-long-maps.ts";

/** Seconds of a clip: dimensions that look at actions or whole prompts take long ones. */
export const clipSeconds = (dimension: string): number =>
  ["human_action", "temporal_style", "overall_consistency"].includes(dimension) ? 10 : 2;

/** Frame ranges [first, end) of a video's clips: the last one, where frames are left over, ends with the video. */
export function splitClips(frames: number, fps: number, seconds = 2): [first: number, end: number][] {
  const length = Math.trunc(fps) * seconds;
  if (!(length > 0 && frames > 0)) throw new InputError(`cannot split ${frames} frames at ${fps} a second`);
  if (frames < length) return [[0, frames]];
  const clips: [number, number][] = [];
  for (let first = 0; first + length <= frames; first += length) clips.push([first, first + length]);
  if (frames % length) clips.push([frames - length, frames]);
  return clips;
}

/** What a likeness of first frames of clips (DINOv2 or DreamSim) is on the scale of one inside clips (DINO or CLIP). */
export function mapClipScore(score: number, dimension: "subject" | "background"): number {
  if (!(score >= 0 && score <= 1)) throw new InputError(`expected a score from 0 to 1, got ${score}`);
  const knots = dimension === "subject" ? subjectMap : backgroundMap;
  const place = score * (knots.length - 1),
    left = Math.min(knots.length - 2, Math.floor(place));
  return knots[left]! + (place - left) * (knots[left + 1]! - knots[left]!);
}

/** Consistency of a video: half from inside its clips, half from between them; of a single clip the first alone. */
export function fuseConsistency(
  inside: number,
  between: number | undefined,
  dimension: "subject" | "background",
): number {
  return between === undefined ? inside : 0.5 * inside + 0.5 * mapClipScore(between, dimension);
}

/** One video's results in one dimension, each from 0 to 1. */
export interface LongResult {
  /** Of each of its clips. */
  readonly clips: readonly number[];
  /** Likeness of the first frames of the clips, by DINOv2 (subject) or DreamSim (background). */
  readonly between?: number | undefined;
}

const score = z.number().min(0).max(1);
const byVideo = z.record(z.string(), z.strictObject({ clips: z.array(score).min(1), between: score.optional() }));

/** Dimensions that are fused, by the map that they take. */
const fused: Readonly<Record<string, "subject" | "background">> = {
  subject_consistency: "subject",
  background_consistency: "background",
};

/** A dimension's score: the mean over videos of the mean over their clips, which consistency fuses with what is between them. */
export function longScore(dimension: string, videos: readonly LongResult[]): number {
  const kind = fused[dimension];
  return meanOf(
    videos.map(({ clips, between }) => {
      const inside = meanOf(clips);
      if (!kind && between !== undefined) throw new InputError(`${dimension} does not look at what is between clips`);
      if (!kind || clips.length === 1) return inside;
      if (between === undefined)
        throw new InputError(`${dimension} of ${clips.length} clips needs their likeness to each other`, {
          hint: `add "between", by ${kind === "subject" ? "DINOv2" : "DreamSim"}`,
        });
      return fuseConsistency(inside, between, kind);
    }),
  );
}

/** Scores by dimension of a file of clips' results, `{dimension: {video: {clips: [score], between: score}}}`. */
export const parseVbenchLong = (text: string, where: string): Map<string, number> =>
  readDimensions(text, where, (value, key, name) => {
    const parsed = byVideo.safeParse(value);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!;
      throw new InputError(`${[key, ...path].join(".")}: ${message}`, {
        where,
        hint: '{"scene": {"a.mp4": {"clips": [0.5, 0.6]}}}, each a fraction',
      });
    }
    const videos = Object.values(parsed.data);
    if (!videos.length) throw new InputError(`${key}: there are no videos`, { where });
    return longScore(name, videos);
  });
