/** The clips of a recipe as latents, by size. */
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import { pictureKey, usualClips } from "../../../training/stages.ts";
import type { Opened } from "../files/opened.ts";
import type { ClipsOptions } from "./clips.ts";
import type { CacheRequest } from "./latent-cache.ts";

export interface SizedRecipe {
  readonly stages: readonly { readonly buckets: readonly { readonly picture: Picture }[] }[];
  readonly clips: Readonly<Record<string, number>>;
}

/** What is encoded of each size that a recipe trains, by `pictureKey`. */
export function requestsOf(
  { stages, clips: counts }: SizedRecipe,
  clips: ClipSource,
  { cache, ...options }: ClipsOptions,
): Map<string, CacheRequest> {
  const pictures = stages.flatMap(({ buckets }) =>
    buckets.map(({ picture }) => [pictureKey(picture), picture] as const),
  );
  return new Map(
    [...new Map(pictures)].map(([key, picture]) => {
      const count = counts[key] ?? Math.min(usualClips, clips.count(picture));
      return [key, { ...options, folder: cache, clips, picture, count }];
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
