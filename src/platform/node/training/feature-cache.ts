/** A teacher's features on disk, with what each was drawn at. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import {
  drawSeedOf,
  type FeatureSource,
  keptDraws,
  type LiveTeacher,
  noiseName,
  teacherPlaces,
} from "../../../training/distill-teacher.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import type { DistillRecipe } from "../../../training/recipe.ts";
import type { ClipsOptions } from "./clips.ts";
import { encoderOf } from "./codec-source.ts";
import type { CacheRequest } from "./latent-cache.ts";
import { openShards, type Shards } from "./shards.ts";

/** What features are of. */
export interface FeatureRequest {
  readonly model: HunyuanModel & { readonly hash: string };
  /** Tells embeddings of prompts from others, where they are not of the model's own encoders. */
  readonly text?: string;
  readonly recipe: DistillRecipe;
  /** The teacher's latents of clips by `pictureKey`, and where the clips come from. */
  readonly sets: ReadonlyMap<string, LatentSet>;
  readonly requests: ReadonlyMap<string, Pick<CacheRequest, "clips">>;
}

/** Features of `draws` draws of each clip on disk in half precision, with a list of what each was drawn at. */
export async function keptFeatures(
  live: LiveTeacher,
  { model, text = "", recipe, sets, requests }: FeatureRequest,
  { cache, signal, note, report }: Omit<ClipsOptions, "base">,
): Promise<FeatureSource & { close(): Promise<void> }> {
  const seed = drawSeedOf(recipe);
  const { draws, strategy, fixedSigma, taps, timesteps, captionDropout, guidance } = recipe;
  const level = strategy === "fixed" ? fixedSigma : "synchronised";
  const rows = new Map<string, Shards>();
  const perClip = new Map<string, number>();
  const shapes = new Map<string, readonly [number, number]>();
  for (const [key, set] of sets) {
    const list = keptDraws(recipe, key, set);
    const count = list.length;
    const what = {
      model: model.hash,
      codec: encoderOf(model.codec, set.grid),
      clips: requests.get(key)!.clips.id,
      key,
      draws,
      seed,
      level,
      tap: taps.teacher,
      timesteps,
      captionDropout,
      guidance,
      text,
      // Of a folder's files captions may change.
      captions: createHash("sha256")
        .update(JSON.stringify(list.map(({ caption }) => caption)))
        .digest("hex"),
    };
    const id = createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 12);
    const folder = join(cache, `features-${key}-${id}`);
    const { grid } = teacherPlaces(model, set);
    const tokens = grid.frames * grid.height * grid.width;
    const shards = await openShards({
      folder,
      count,
      size: tokens * live.width,
      make: async (index) => (await live.read(key, [list[index]!])).data as Float32Array,
      signal,
      note,
      report: report && ((done) => report(done, count, `features ${key}`)),
    });
    const drawn = list.map((draw) => ({
      ...draw,
      sigma: strategy === "fixed" ? fixedSigma : draw.sigma,
      noise: { seed, stream: noiseName(key, draw) },
    }));
    await writeFile(join(folder, "draws.json"), `${JSON.stringify({ ...what, rows: drawn })}\n`);
    rows.set(key, shards);
    perClip.set(key, count / set.count);
    shapes.set(key, [tokens, live.width]);
  }
  return {
    async read(key, wanted): Promise<HostTensor> {
      const [tokens, width] = shapes.get(key)!;
      const out = new Float32Array(wanted.length * tokens * width);
      for (const [i, { clip, number }] of wanted.entries())
        out.set(await rows.get(key)!.read(clip * perClip.get(key)! + number), i * tokens * width);
      return hostTensor(out, [wanted.length, tokens, width]);
    },
    async close() {
      for (const shards of rows.values()) await shards.close();
    },
  };
}
