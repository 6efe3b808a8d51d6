/** One file of somebody's own data, as probing found it, and which sizes of clips it can serve. */
import type { Picture } from "../clip-source.ts";

export interface Entry {
  /** Relative to the folder, with slashes. */
  readonly file: string;
  /** Bytes and time of the last change: a file that changes is another. */
  readonly size: number;
  readonly modified: number;
  /** As shown, after the rotation that the file asks for. */
  readonly width: number;
  readonly height: number;
  /** Of a picture 0. */
  readonly seconds: number;
}

/** A file that cannot be used, and why. */
export interface Rejected {
  readonly file: string;
  readonly size: number;
  readonly modified: number;
  readonly reason: string;
}

export interface FitLimits {
  /** Frames a second that videos are brought to. */
  readonly fps: number;
  /** How far a frame may be enlarged to fill a size: 1 for not at all. */
  readonly enlarge: number;
  /** Largest share of a frame that may be cut away to reach a size's shape. */
  readonly crop: number;
}

/** Frames that a file gives at a rate; pictures give one. */
export const framesAt = ({ seconds }: Entry, fps: number): number =>
  seconds === 0 ? 1 : Math.max(1, Math.floor(seconds * fps + 1e-3));

/** Why a file cannot serve clips of a size, or undefined where it can. */
export function misfit(entry: Entry, picture: Picture, { fps, enlarge, crop }: FitLimits): string | undefined {
  const frames = framesAt(entry, fps);
  if (frames < picture.frames) return `${frames} frames at ${fps} a second, ${picture.frames} are needed`;
  const scale = Math.max(picture.width / entry.width, picture.height / entry.height);
  if (scale > enlarge + 1e-9)
    return `${entry.width}x${entry.height} is too small for ${picture.width}x${picture.height}`;
  const cut = 1 - (picture.width * picture.height) / (entry.width * scale * entry.height * scale);
  if (cut > crop + 1e-9)
    return `${Math.round(100 * cut)} % of ${entry.width}x${entry.height} would be cut away for ${picture.width}x${picture.height}`;
  return undefined;
}
