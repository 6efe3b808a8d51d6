/**
 * VBench-Long: long videos are scored clip by clip (constants of the official repository, 2026). The reference encodes its
 * clips anew, with loss; here they stay as they are.
 */
import { InputError } from "../base/errors.ts";
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
