/** The procedural world as a source of clips for training. */
import { Random } from "../../base/philox.ts";
import { framesToPlanar } from "../../video/frame.ts";
import type { ClipSource, Crop, CropRequest, DrawPart, Picture } from "../clip-source.ts";
import { caption } from "./captions.ts";
import { clipAt, type PresetName, renderCrop, sceneAt } from "./clip.ts";
import { coverage } from "./coverage.ts";
import { render } from "./render.ts";

/** Clips of a preset; combinations that are held out do not occur. */
export class WorldClips implements ClipSource {
  readonly preset: PresetName;
  readonly seed: number;
  readonly id: string;

  constructor(preset: PresetName, seed: number) {
    this.preset = preset;
    this.seed = seed;
    this.id = `${preset} ${seed}`;
  }

  count(): number {
    return Number.POSITIVE_INFINITY;
  }

  async pixels(index: number, picture: Picture): Promise<Float32Array> {
    return framesToPlanar(clipAt(this.preset, this.seed, index, { ...picture, split: "train" }).frames);
  }

  /** Each is rendered alone. */
  async parts(index: number, picture: Picture): Promise<DrawPart> {
    const { scene } = sceneAt(this.preset, this.seed, index, { moving: picture.frames > 1 });
    return async ({ left: x, top: y, width, height }) =>
      framesToPlanar(render(scene, { ...picture, window: { x, y, width, height } }).frames);
  }

  /** A scene is the same at all sizes. */
  smaller(): this {
    return this;
  }

  async objects(index: number, picture: Picture, grid: Picture): Promise<Float32Array> {
    const { scene } = sceneAt(this.preset, this.seed, index, { moving: picture.frames > 1 });
    return coverage(scene, picture.frames, grid);
  }

  caption(index: number, { frames }: Picture, random: Random): string {
    return caption(sceneAt(this.preset, this.seed, index).scene, random, frames > 1);
  }

  async crop(index: number, { pictures, crop, centred }: CropRequest): Promise<Crop> {
    const random = new Random(this.seed, index * 2 + 1);
    const picture = random.pick(pictures);
    const { scene } = sceneAt(this.preset, this.seed, index);
    const reach = random.chance(centred) ? 0.35 : 4;
    const offset = [random.between(-reach, reach), random.between(-reach, reach)] as const;
    const from = picture.frames > crop.frames ? random.below(picture.frames - crop.frames + 1) : 0;
    const range = { first: from, count: crop.frames };
    const { width, height } = crop;
    const { frames, masks } = renderCrop(scene, { ...picture, range }, { width, height, offset });
    const mask = new Float32Array(crop.frames * width * height);
    for (const [f, one] of masks.entries())
      for (let i = 0; i < one.length; i++) mask[f * one.length + i] = one[i] ? 1 : 0;
    return { pixels: framesToPlanar(frames), mask };
  }

  sibling(offset: number): WorldClips {
    return new WorldClips(this.preset, this.seed + offset);
  }

  split(): { held: WorldClips; rest: WorldClips } {
    return { held: this.sibling(5), rest: this };
  }
}
