/** Samples of a study's models for its prompts, and what is measured of them. */

import type { StudyScene } from "../../../data/world/study.ts";
import { StudyClips, studyFrames } from "../../../data/world/study-source.ts";
import { kid } from "../../../metrics/frechet.ts";
import { RandomFeatures } from "../../../metrics/random-features.ts";
import { type Figures, meanFigures, measureLarge, measureSmall } from "../../../study/measure.ts";
import { picturesOf } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import type { PromptRow } from "../../../study/results.ts";
import type { Frame } from "../../../video/frame.ts";
import type { Workshop } from "./workshop.ts";

export interface Prompt {
  readonly prompt: string;
  readonly scene: StudyScene;
  readonly heldOut: boolean;
}

/** A prompt's sample: the seed of its noise is the same in all arms. */
export interface Asked extends Prompt {
  readonly number: number;
  readonly seed: number;
}

export const askAll = (prompts: readonly Prompt[], samples: number): Asked[] =>
  prompts.flatMap((prompt, number) =>
    Array.from({ length: samples }, (_, sample) => ({ ...prompt, number, seed: 1000 * sample + number })),
  );

/** Rows by prompt of figures by sample. */
export function rowsOf(asked: readonly Asked[], figures: readonly Figures[]): PromptRow[] {
  const numbers = [...new Set(asked.map(({ number }) => number))];
  return numbers.map((prompt) => {
    const own = figures.filter((_, i) => asked[i]!.number === prompt);
    const { heldOut } = asked.find(({ number }) => number === prompt)!;
    return { prompt, heldOut, figures: meanFigures(own) };
  });
}

export const measureSmallClips = (asked: readonly Asked[], clips: readonly Frame[][], detail: number): PromptRow[] =>
  rowsOf(
    asked,
    clips.map((frames, i) => measureSmall(asked[i]!.scene, frames, detail)),
  );

export const measureLargeClips = (
  asked: readonly Asked[],
  clips: readonly Frame[][],
  drafts: readonly Frame[][],
  detail: number,
): PromptRow[] =>
  rowsOf(
    asked,
    clips.map((frames, i) => measureLarge(asked[i]!.scene, frames, drafts[i]!, detail)),
  );

/** Kernel distances of clips to true ones, the mean over random nets; true clips are those that no model has seen. */
export class Distances {
  readonly #features: RandomFeatures;
  readonly #workshop: Workshop;
  readonly #true = new Map<string, Promise<Float64Array[][]>>();

  constructor(workshop: Workshop) {
    this.#features = new RandomFeatures(workshop.runtime);
    this.#workshop = workshop;
  }

  async to(size: "small" | "large", clips: readonly (readonly Frame[])[]): Promise<number> {
    const known = this.#true.get(size) ?? this.#rows(trueClips(this.#workshop, size));
    this.#true.set(size, known);
    const [a, b] = [await this.#rows(clips), await known];
    const values = this.#features.seeds.map((_, net) => kid(a[net]!, b[net]!).value);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  }

  /** By net, a row a clip. */
  async #rows(clips: Iterable<readonly Frame[]>): Promise<Float64Array[][]> {
    const out = this.#features.seeds.map((): Float64Array[] => []);
    for (const frames of clips)
      for (const [net, row] of (await this.#features.of(frames)).entries()) out[net]!.push(row);
    return out;
  }

  dispose(): Promise<void> {
    return this.#features.dispose();
  }
}

/** True clips of combinations that training sees, other than the pool's. */
export function* trueClips({ preset }: Workshop, size: "small" | "large", offset = 1): Generator<Frame[]> {
  const source = new StudyClips(seeds.pool + offset, preset);
  for (let index = 0; index < preset.clips; index++)
    yield studyFrames(source.scene(index), picturesOf(preset)[size], preset.detail);
}
