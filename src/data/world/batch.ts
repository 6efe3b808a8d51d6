/** The procedural world as batches of tensors for training. */
import { Random } from "../../base/philox.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { framesToPlanar } from "../../video/frame.ts";
import { clipAt, type PresetName, renderCrop, sceneAt, type WorldClip } from "./clip.ts";

/** Geometry of a whole clip. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

export interface CropRequest {
  readonly preset: PresetName;
  readonly seed: number;
  /** Whole clips that crops are cut from, drawn evenly. */
  readonly pictures: readonly Picture[];
  /** Size of a crop; frames are taken from the clip's start, middle or end. */
  readonly crop: Picture;
  /** Share of crops that are centred near the object instead of anywhere. */
  readonly centred: number;
}

/** A crop's pixels [3, F, H, W] in [-1, 1] and the weight 1 at the object and 0 elsewhere [F, H, W]. */
export interface Crop {
  readonly pixels: Float32Array;
  readonly mask: Float32Array;
}

/** Crop number `index` of the endless list that a request stands for: a pure function of its arguments. */
export function cropAt({ preset, seed, pictures, crop, centred }: CropRequest, index: number): Crop {
  const random = new Random(seed, index * 2 + 1);
  const picture = random.pick(pictures);
  const { scene } = sceneAt(preset, seed, index, { split: "train" });
  const reach = random.chance(centred) ? 0.35 : 4;
  const offset = [random.between(-reach, reach), random.between(-reach, reach)] as const;
  const from = picture.frames > crop.frames ? random.below(picture.frames - crop.frames + 1) : 0;
  const range = { first: from, count: crop.frames };
  const { frames, masks } = renderCrop(
    scene,
    { ...picture, range },
    { width: crop.width, height: crop.height, offset },
  );
  const mask = new Float32Array(crop.frames * crop.width * crop.height);
  for (const [f, one] of masks.entries())
    for (let i = 0; i < one.length; i++) mask[f * one.length + i] = one[i] ? 1 : 0;
  return { pixels: framesToPlanar(frames), mask };
}

/** Stacks parts of one size along a new first axis. */
export function stackValues(parts: readonly Float32Array[], shape: readonly number[]): HostTensor {
  const out = new Float32Array(parts.length * (parts[0]?.length ?? 0));
  for (const [i, part] of parts.entries()) out.set(part, i * part.length);
  return hostTensor(out, [parts.length, ...shape]);
}

/** A whole captioned clip's pixels [3, F, H, W] in [-1, 1], with its description. */
export function pixelsAt(
  preset: PresetName,
  seed: number,
  index: number,
  picture: Picture,
): { pixels: Float32Array; clip: WorldClip } {
  const clip = clipAt(preset, seed, index, { ...picture, split: "train" });
  return { pixels: framesToPlanar(clip.frames), clip };
}
