/** A folder of somebody's own videos and pictures as a source of clips for training. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { InputError, MediaError } from "../../../base/errors.ts";
import { hashText, Random } from "../../../base/philox.ts";
import type { ClipSource, ClipView, Crop, CropRequest, DrawPart, Picture } from "../../../data/clip-source.ts";
import { Draws } from "../../../data/user/draw.ts";
import { type Entry, type FitLimits, misfit } from "../../../data/user/entry.ts";
import { pictureKey } from "../../../training/stages.ts";
import { type Frame, framesToPlanar } from "../../../video/frame.ts";
import { cropFrame, resizeFrame } from "../../../video/resize.ts";
import { readVideo } from "../video/read.ts";

export interface FolderData {
  readonly folder: string;
  readonly entries: readonly Entry[];
  /** By file; what has none is trained with an empty one. */
  readonly captions: ReadonlyMap<string, string>;
  readonly limits: FitLimits;
}

/** Random windows of the files that fit a size, each file once before any comes again. */
export class FolderClips implements ClipSource {
  readonly data: FolderData;
  readonly seed: number;
  readonly id: string;
  readonly #draws: Draws;

  constructor(data: FolderData, seed: number) {
    this.data = data;
    this.seed = seed;
    const { entries, limits } = data;
    const content = JSON.stringify([seed, limits, entries.map(({ file, size, modified }) => [file, size, modified])]);
    this.id = `folder ${createHash("sha256").update(content).digest("hex")}`;
    this.#draws = new Draws(entries, seed, limits);
  }

  /** @throws InputError where no file fits, with what stands in the way of most. */
  count(picture: Picture): number {
    const fitting = this.#draws.fitting(picture).length;
    if (!fitting) {
      const reasons = this.data.entries
        .slice(0, 3)
        .map((entry) => `${entry.file}: ${misfit(entry, picture, this.data.limits)}`);
      throw new InputError(
        `none of ${this.data.entries.length} files can give clips of ${pictureKey(picture)}; ${reasons.join("; ")}`,
        {
          where: this.data.folder,
          hint: "train at a smaller or shorter size, or raise enlarge or crop in the recipe",
        },
      );
    }
    return fitting;
  }

  async pixels(index: number, picture: Picture): Promise<Float32Array> {
    return framesToPlanar(await this.#frames(index, picture));
  }

  caption(index: number, picture: Picture): string {
    this.count(picture);
    return this.data.captions.get(this.#draws.at(index, picture).entry.file) ?? "";
  }

  /** The clip is read once. */
  async parts(index: number, picture: Picture): Promise<DrawPart> {
    const whole = await this.#frames(index, picture);
    return async ({ left: x, top: y, width, height }) =>
      framesToPlanar(whole.map((frame) => cropFrame(frame, { x, y, width, height })));
  }

  /** Cut out as the large clips are, then shrunk. */
  smaller(picture: Picture): ClipView {
    const shrunk = async (index: number, { width, height }: Picture): Promise<Float32Array> =>
      framesToPlanar(await this.#frames(index, picture, (frame) => resizeFrame(frame, width, height)));
    return {
      id: `${this.id} of ${pictureKey(picture)}`,
      pixels: shrunk,
      caption: (index) => this.caption(index, picture),
    };
  }

  /** A window anywhere; where objects are is not known, so the mask is 0. */
  async crop(index: number, { pictures, crop }: CropRequest): Promise<Crop> {
    const random = new Random(this.seed, hashText(`crop ${index}`));
    const { width, height } = random.pick(pictures);
    const whole = await this.#frames(index, { width, height, frames: crop.frames });
    const [x, y] = [random.below(width - crop.width + 1), random.below(height - crop.height + 1)];
    const frames = whole.map((frame) => cropFrame(frame, { x, y, width: crop.width, height: crop.height }));
    return { pixels: framesToPlanar(frames), mask: new Float32Array(crop.frames * crop.width * crop.height) };
  }

  sibling(offset: number): FolderClips {
    return new FolderClips(this.data, this.seed + offset);
  }

  /** Whole files are held out, whatever part of them is shown. */
  split(count: number, picture: Picture): { held: FolderClips; rest: FolderClips } {
    const fitting = this.count(picture);
    if (count >= fitting)
      throw new InputError(`${count} of ${fitting} files that fit cannot be held out`, {
        where: this.data.folder,
        hint: "lower validation.clips",
      });
    const files = new Set(this.#draws.fitting(picture).slice(0, count));
    const part = (isHeld: boolean): FolderClips => {
      const entries = this.data.entries.filter((entry) => files.has(entry) === isHeld);
      return new FolderClips({ ...this.data, entries }, this.seed);
    };
    return { held: part(true), rest: part(false) };
  }

  async #frames(index: number, picture: Picture, change = (frame: Frame) => frame): Promise<Frame[]> {
    this.count(picture);
    const { entry, first } = this.#draws.at(index, picture);
    const { width, height, frames: limit } = picture;
    const { fps } = this.data.limits;
    const path = join(this.data.folder, entry.file);
    const time = entry.seconds ? { fps, from: first / fps } : {};
    const frames: Frame[] = [];
    for await (const frame of readVideo(path, { width, height, limit, ...time })) frames.push(change(frame));
    if (frames.length < limit)
      throw new MediaError(`expected ${limit} frames from ${(first / fps).toFixed(2)} s on, got ${frames.length}`, {
        where: path,
        hint: "the file has changed since it was probed; start again",
      });
    return frames;
  }
}
