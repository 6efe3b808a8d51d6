/** The clips of a recipe as latents, by size. */
import type { Picture } from "../../../data/clip-source.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import { pictureKey, usualClips } from "../../../training/stages.ts";
import { heldOut, type ValidatedRecipe, validationBucketOf } from "../../../training/validation.ts";
import type { Opened } from "../files/opened.ts";
import type { ClipsOptions, OpenedClips } from "./clips.ts";
import type { CacheRequest } from "./latent-cache.ts";

export interface SizedRecipe extends ValidatedRecipe<{ readonly picture: Picture; readonly weight: number }> {
  readonly clips: Readonly<Record<string, number>>;
  readonly validation?: { readonly clips: number } | undefined;
}

/** Sizes that a recipe trains by `pictureKey`, and `heldOut` where some clips are. */
export function picturesOf(recipe: SizedRecipe): Map<string, Picture> {
  const buckets = recipe.stages.flatMap((stage) => stage.buckets);
  const pictures = new Map(buckets.map(({ picture }) => [pictureKey(picture), picture]));
  return recipe.validation ? pictures.set(heldOut, validationBucketOf(recipe).picture) : pictures;
}

/** What is encoded of each. */
export function requestsOf(
  recipe: SizedRecipe,
  { clips, held }: Pick<OpenedClips, "clips" | "held">,
  { cache, ...options }: ClipsOptions,
): Map<string, CacheRequest> {
  return new Map(
    [...picturesOf(recipe)].map(([key, picture]) => {
      const shared = { ...options, folder: cache, picture };
      if (key === heldOut) return [key, { ...shared, clips: held!, count: recipe.validation!.clips }];
      const count = recipe.clips[key] ?? Math.min(usualClips, clips.count(picture));
      return [key, { ...shared, clips, count }];
    }),
  );
}

/** Opens each, to be closed with the rest. */
export async function openSets(
  requests: ReadonlyMap<string, CacheRequest>,
  opened: Opened,
  open: (request: CacheRequest) => Promise<LatentSet & { close(): Promise<void> }>,
): Promise<Map<string, LatentSet>> {
  const sets = new Map<string, LatentSet>();
  for (const [key, request] of requests) sets.set(key, opened.keep(await open(request)));
  return sets;
}
