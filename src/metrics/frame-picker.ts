import { InputError } from "../base/errors.ts";

/** Frames of a video in the middles of `count` equal parts; of a shorter video all of them, and then the last again. */
export function middleFrames(frames: number, count: number): number[] {
  if (frames < 1) throw new InputError("there are no frames to pick from");
  if (frames < count) return Array.from({ length: count }, (_, at) => Math.min(at, frames - 1));
  const edge = (part: number) => Math.trunc((part * frames) / count);
  return Array.from({ length: count }, (_, part) => Math.floor((edge(part) + edge(part + 1) - 1) / 2));
}
