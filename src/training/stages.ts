/** Sizes of training steps, and the names of their programs. */
import { Random } from "../base/philox.ts";
import type { Picture } from "../data/clip-source.ts";

export const pictureKey = ({ width, height, frames }: Picture): string => `${width}x${height}x${frames}`;

/** `256x160x17 10`: steps with equal keys share a program. */
export const bucketKey = ({ picture, batch }: { picture: Picture; batch: number }): string =>
  `${pictureKey(picture)} ${batch}`;

/** Clips of a size where a recipe does not say how many, as far as there are. */
export const usualClips = 1000;

export const stepsOf = (stages: readonly { readonly steps: number }[]): number =>
  stages.reduce((sum, { steps }) => sum + steps, 0);

/** Random numbers for the batch of a step, independent of those that chose its bucket. */
export const batchRandom = (seed: number, step: number): Random => new Random(seed, step * 2 + 1);
