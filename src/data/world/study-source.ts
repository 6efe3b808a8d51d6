/** The flat study as a source of clips for training. */
import { Random } from "../../base/philox.ts";
import { type Frame, framesToPlanar } from "../../video/frame.ts";
import { cropFrame, resizeFrame } from "../../video/resize.ts";
import type { ClipSource, Crop, CropRequest, DrawPart, Picture } from "../clip-source.ts";
import { type StudyScene, type StudyWorld, studyAt, studyCaption } from "./study.ts";
import { renderStudy } from "./study-render.ts";

/**
 * Frames of a scene. Below the height `detail` they are area means of what is drawn there, as a low-resolution stage
 * sees its clips: fine fills alias or vanish.
 */
export function studyFrames(scene: StudyScene, { width, height, frames }: Picture, detail: number): Frame[] {
  if (height >= detail) return renderStudy(scene, { width, height, frames }).frames;
  const large = { width: (width * detail) / height, height: detail, frames };
  return renderStudy(scene, large).frames.map((frame) => resizeFrame(frame, width, height, "area"));
}

/** Clips of the study; combinations that are held out do not occur. */
export class StudyClips implements ClipSource {
  readonly seed: number;
  readonly world: StudyWorld;
  readonly id: string;

  constructor(seed: number, { detail, scenes }: StudyWorld) {
    this.seed = seed;
    this.world = { detail, scenes };
    this.id = `study ${detail}${scenes === "all" ? "" : ` ${scenes}`} ${seed}`;
  }

  count(): number {
    return Number.POSITIVE_INFINITY;
  }

  scene(index: number): StudyScene {
    return studyAt(this.seed, index, this.world).scene;
  }

  async pixels(index: number, picture: Picture): Promise<Float32Array> {
    return framesToPlanar(studyFrames(this.scene(index), picture, this.world.detail));
  }

  async parts(index: number, picture: Picture): Promise<DrawPart> {
    const whole = studyFrames(this.scene(index), picture, this.world.detail);
    return async ({ left: x, top: y, width, height }) =>
      framesToPlanar(whole.map((frame) => cropFrame(frame, { x, y, width, height })));
  }

  /** A scene is the same at all sizes. */
  smaller(): this {
    return this;
  }

  caption(index: number, _: Picture, random: Random): string {
    return studyCaption(this.scene(index), random);
  }

  /** Anywhere in the clip: figures stand near the middle and fill much of it. */
  async crop(index: number, { pictures, crop }: CropRequest): Promise<Crop> {
    const random = new Random(this.seed, index * 2 + 1);
    const picture = random.pick(pictures);
    const { frames, masks } = renderStudy(this.scene(index), picture);
    const [x, y] = [random.below(picture.width - crop.width + 1), random.below(picture.height - crop.height + 1)];
    const from = random.below(picture.frames - crop.frames + 1);
    const box = { x, y, width: crop.width, height: crop.height };
    const kept = frames.slice(from, from + crop.frames).map((frame) => cropFrame(frame, box));
    const mask = new Float32Array(crop.frames * crop.height * crop.width);
    for (let at = 0; at < mask.length; at++) {
      const [column, row] = [at % crop.width, Math.floor(at / crop.width) % crop.height];
      const one = masks[from + Math.floor(at / (crop.width * crop.height))]!;
      mask[at] = one[(y + row) * picture.width + x + column] ? 1 : 0;
    }
    return { pixels: framesToPlanar(kept), mask };
  }

  sibling(offset: number): StudyClips {
    return new StudyClips(this.seed + offset, this.world);
  }

  split(): { held: StudyClips; rest: StudyClips } {
    return { held: this.sibling(5), rest: this };
  }
}
