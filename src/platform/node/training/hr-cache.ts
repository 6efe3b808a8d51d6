/** Clips at two sizes for the training of the second stage: the small picture whole, the large one through a window. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Random } from "../../../base/philox.ts";
import type { ClipSource } from "../../../data/clip-source.ts";
import type { Crop } from "../../../models/ltx/resize.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { encodeWhole, encodeWindow, TileEncoder } from "../../../pipelines/encode.ts";
import { gridOf, normalise, pack } from "../../../pipelines/latents.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import { bucketKey, type HrBucket, type HrSet } from "../../../training/hr-task.ts";
import type { CacheRequest, LatentSource } from "./latent-cache.ts";
import { openShards } from "./shards.ts";

export interface HrCacheRequest extends Omit<CacheRequest, "picture" | "clips"> {
  readonly clips: ClipSource;
  readonly bucket: HrBucket;
  /** The same clips at the small size. */
  readonly small: LatentSet;
  /** Clips that share a window. */
  readonly group: number;
  readonly seed: number;
}

/** Windows of the clips 0 to count - 1, from disk where they are already, beside the whole small pictures. */
export async function hrSet(
  source: LatentSource,
  runtime: Runtime,
  request: HrCacheRequest,
): Promise<HrSet & { close(): Promise<void> }> {
  const { bucket, clips, count, small, folder, group, seed, report } = request;
  const { picture } = bucket;
  const large = gridOf(picture, source.config);
  const size = bucket.window ?? large;
  const window = (index: number) => windowOf(large, size, new Random(seed, index));
  const channels = source.config.latentChannels;
  const key = bucketKey(bucket);
  const id = createHash("sha256").update(`${source.hash} ${clips.id} ${key} ${seed} ${group}`).digest("hex");
  const encoder = new TileEncoder({ vae: source }, runtime);
  try {
    const { read, close } = await openShards({
      ...request,
      folder: join(folder, `${key.replace(" ", "-")}-${id.slice(0, 12)}`),
      size: channels * large.frames * size.height * size.width,
      make: async (index) => {
        const draw = await clips.parts(index, picture);
        const crop = window(Math.floor(index / group));
        const latents = bucket.window
          ? await encodeWindow(encoder, { vae: source }, { grid: large, crop, draw })
          : await encodeWhole(encoder, { vae: source }, { grid: large, draw });
        return pack(normalise(latents, source.statistics), channels);
      },
      report: report && ((done) => report(done, count, `latents ${key}`)),
    });
    return { small, large, count, group, window, read, close };
  } finally {
    encoder.dispose();
  }
}

/** A place for a window: mostly near the middle, where things happen, and anywhere for a quarter of all. */
function windowOf(large: Grid, { width, height }: { width: number; height: number }, random: Random): Crop {
  const isAnywhere = random.chance(0.25);
  const place = (room: number) => {
    const share = isAnywhere ? random.uniform() : 0.5 + 0.2 * random.normal();
    return Math.round(Math.min(1, Math.max(0, share)) * room);
  };
  return { top: place(large.height - height), left: place(large.width - width), height, width };
}
