/** Losses on clips that are not trained on, at fixed noise levels and with fixed noise: the same question each time. */
import { Random } from "../base/philox.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import type { Executable } from "../tensor/runtime.ts";
import type { Seen } from "./draws.ts";
import type { LatentSet } from "./flow-task.ts";

/** Name of the clips that are held out, among the sets of those that are trained on. */
export const heldOut = "held-out";

/** Noise levels at which each is seen. */
export const validationLevels = [0.1, 0.3, 0.5, 0.7, 0.9] as const;

export interface Validation {
  /** Steps from one to the next. */
  readonly every: number;
  readonly clips: number;
  /** Inputs for `loss("held-out 1")`: a clip at a level. */
  batch(clip: number, sigma: number): Promise<Record<string, HostTensor>>;
}

/** What it is one of. */
export const validationBucket = `${heldOut} 1`;

/** Means over clips, by noise level and by what a task reports (`loss` and others). */
export type ValidationFigures = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface ValidatedRecipe<Bucket> {
  readonly stages: readonly { readonly buckets: readonly Bucket[] }[];
}

/** The size that is looked at all along: the one that the last stage draws most often. */
export function validationBucketOf<Bucket extends { readonly weight: number }>({
  stages,
}: ValidatedRecipe<Bucket>): Bucket {
  return stages.at(-1)!.buckets.reduce((best, bucket) => (bucket.weight > best.weight ? bucket : best));
}

/** A clip worded the same each time. */
export const heldOutDraw = (set: Pick<LatentSet, "caption">, clip: number, sigma: number, seed: number): Seen => ({
  clip,
  sigma,
  caption: set.caption(clip, new Random(seed, clip)),
});

/** Runs the loss program on every clip at every level. */
export async function validate(program: Executable, { clips, batch }: Validation): Promise<ValidationFigures> {
  const figures: Record<string, Record<string, number>> = {};
  for (const level of validationLevels) {
    const sums: Record<string, number> = {};
    for (let clip = 0; clip < clips; clip++) {
      const results = await program.run(await batch(clip, level));
      for (const [name, { data }] of Object.entries(results)) sums[name] = (sums[name] ?? 0) + data[0]! / clips;
    }
    figures[level] = sums;
  }
  return figures;
}
