/** What training draws clips from: the procedural world, or a folder of somebody's own videos. */
import type { Random } from "../base/philox.ts";

/** Geometry of a whole clip. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

export interface CropRequest {
  /** Whole clips that crops are cut from, drawn evenly. */
  readonly pictures: readonly Picture[];
  /** Size of a crop; frames are taken from anywhere in the clip. */
  readonly crop: Picture;
  /** Share of crops that are centred near the object instead of anywhere. */
  readonly centred: number;
}

/** A crop's pixels [3, F, H, W] in [-1, 1] and the weight 1 at known objects and 0 elsewhere [F, H, W]. */
export interface Crop {
  readonly pixels: Float32Array;
  readonly mask: Float32Array;
}

/** A part of a picture, in pixels. */
export interface PixelBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Draws parts of one clip's pixels: [3, F, height, width] in [-1, 1]. */
export type DrawPart = (part: PixelBox) => Promise<Float32Array>;

/** What a trained model is shown of a list of clips. */
export type ClipView = Pick<ClipSource, "id" | "pixels" | "caption" | "objects">;

/** A list of captioned clips without end. What stands at an index is a pure function of source, index and size. */
export interface ClipSource {
  /** Tells one source from another, in the names of caches. */
  readonly id: string;
  /** Clips of this size that differ; Infinity where they are rendered. */
  count(picture: Picture): number;
  /** Pixels [3, F, H, W] in [-1, 1] of a clip. */
  pixels(index: number, picture: Picture): Promise<Float32Array>;
  /** A clip of which parts are wanted, one after the other. */
  parts(index: number, picture: Picture): Promise<DrawPart>;
  /** The very clips that stand at the indices of `picture`, as they look at smaller sizes of as many frames. */
  smaller(picture: Picture): ClipView;
  /** What a clip shows; of rendered clips in other words each time. */
  caption(index: number, picture: Picture, random: Random): string;
  /** How much of each cell [frames, height, width] of a clip's latent grid known objects cover, 0 to 1; of sources that know. */
  objects?(index: number, picture: Picture, grid: Picture): Promise<Float32Array>;
  /** A part of a clip, for the training of autoencoders. */
  crop(index: number, request: CropRequest): Promise<Crop>;
  /** Another list of the same kind, for what must not be drawn from this one. */
  sibling(offset: number): ClipSource;
  /** `count` clips of a size to be held out, and a list without them. @throws InputError where that leaves none */
  split(count: number, picture: Picture): { readonly held: ClipSource; readonly rest: ClipSource };
}
