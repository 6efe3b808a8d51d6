/** Latents of clips, encoded once and kept on disk. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ClipView, Picture } from "../../../data/clip-source.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { compression, type LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { gridOf, normalise, pack, type Statistics } from "../../../pipelines/latents.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import { pictureKey } from "../../../training/stages.ts";
import { openShards, type ShardRequest } from "./shards.ts";
import { type ClipEncoder, openClipEncoder } from "./vae-coding.ts";

export interface LatentSource {
  readonly config: LtxVaeConfig;
  readonly weights: Weights;
  readonly statistics: Statistics;
  /** Tells one encoder from another. */
  readonly hash: string;
}

export interface CacheRequest extends Pick<ShardRequest, "signal" | "note"> {
  readonly folder: string;
  readonly clips: ClipView;
  readonly picture: Picture;
  readonly count: number;
  readonly report?: (done: number, count: number, what: string) => void;
}

/** The latents of clips 0 to count - 1 at one size as packed tokens, from disk where they are already. */
export async function latentSet(
  { config, weights, statistics, hash }: LatentSource,
  runtime: Runtime,
  request: CacheRequest,
): Promise<LatentSet & { close(): Promise<void> }> {
  const channels = config.latentChannels;
  return encodedSet(request, {
    hash,
    grid: gridOf(request.picture, config),
    channels,
    open: async () => {
      const encoder = await openClipEncoder(config, weights, runtime, request.picture);
      const encode = async (pixels: Float32Array) =>
        pack(normalise(await encoder.encode(pixels), statistics), channels);
      return { encode, dispose: () => encoder.dispose() };
    },
  });
}

/** An encoder of one picture size, opened when something has to be encoded. */
export interface EncodedBy {
  /** Tells one encoder from another. */
  readonly hash: string;
  readonly grid: Grid;
  readonly channels: number;
  readonly open: () => Promise<ClipEncoder>;
}

/** What an encoder makes of clips 0 to count - 1. */
export async function encodedSet(
  request: CacheRequest,
  { hash, grid, channels, open }: EncodedBy,
): Promise<LatentSet & { close(): Promise<void> }> {
  const { picture, clips, folder, count, report } = request;
  const key = pictureKey(picture);
  const id = createHash("sha256").update(`${hash} ${clips.id} ${key}`).digest("hex").slice(0, 12);
  let encoder: ClipEncoder | undefined;
  let ahead: { index: number; pixels: Promise<Float32Array> } | undefined;
  /** Pixels of a clip; those of the next are read while these are encoded. */
  const pixelsOf = (index: number): Promise<Float32Array> => {
    const pixels = ahead?.index === index ? ahead.pixels : clips.pixels(index, picture);
    ahead = { index: index + 1, pixels: clips.pixels(index + 1, picture) };
    ahead.pixels.catch(() => {}); // is thrown when its turn comes, if it comes
    return pixels;
  };
  try {
    const { read, close } = await openShards({
      ...request,
      folder: join(folder, `${key}-${id}`),
      size: channels * grid.frames * grid.height * grid.width,
      make: async (index) => {
        encoder ??= await open();
        return encoder.encode(await pixelsOf(index));
      },
      report: report && ((done) => report(done, count, `latents ${key}`)),
    });
    const caption: LatentSet["caption"] = (clip, random) => clips.caption(clip, picture, random);
    return { grid, count, read, close, caption, ...objectsOf(clips, picture, grid) };
  } finally {
    encoder?.dispose();
  }
}

/** What a source knows of its objects, kept once it was asked for. */
function objectsOf(clips: ClipView, picture: Picture, grid: Grid): Pick<LatentSet, "objects"> {
  if (!clips.objects) return {};
  const known = new Map<number, Float32Array>();
  const objects = async (clip: number) => {
    const covered = known.get(clip) ?? (await clips.objects!(clip, picture, grid));
    known.set(clip, covered);
    return covered;
  };
  return { objects };
}

export const compressionOf = (source: LatentSource): [number, number, number] => compression(source.config);
