/** Latents of clips, encoded once and kept on disk in chunks, so that a stopped run goes on. */
import { createHash } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CancelledError } from "../../../base/errors.ts";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { compression, type LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { gridOf, normalise, pack, type Statistics } from "../../../pipelines/latents.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import { type LatentSet, pictureKey } from "../../../training/flow-task.ts";
import { f16ToF32 } from "../../../weights/half.ts";
import { readTensor } from "../../../weights/safetensors.ts";
import { storeFloat32 } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { openClipEncoder } from "./vae-coding.ts";

export interface LatentSource {
  readonly config: LtxVaeConfig;
  readonly weights: Weights;
  readonly statistics: Statistics;
  /** Tells one encoder from another. */
  readonly hash: string;
}

export interface CacheRequest {
  readonly folder: string;
  readonly clips: ClipSource;
  readonly picture: Picture;
  readonly count: number;
  readonly signal?: AbortSignal | undefined;
  readonly report?: (done: number, count: number, key: string) => void;
}

const chunkSize = 100;

/** The latents of clips 0 to count - 1 at one size, from disk where they are already. */
export async function latentSet(source: LatentSource, runtime: Runtime, request: CacheRequest): Promise<LatentSet> {
  const { picture, count, folder, clips, signal } = request;
  const key = pictureKey(picture);
  const id = createHash("sha256").update(`${source.hash} ${clips.id} ${key}`).digest("hex").slice(0, 12);
  const home = join(folder, `${key}-${id}`);
  await mkdir(home, { recursive: true });
  const grid = gridOf(picture, source.config);
  const channels = source.config.latentChannels;
  const size = channels * grid.frames * grid.height * grid.width;
  const chunks: Uint16Array[] = [];
  let encoder: Awaited<ReturnType<typeof openClipEncoder>> | undefined;
  try {
    for (let first = 0; first < count; first += chunkSize) {
      const path = join(home, `${first}.safetensors`);
      if (!(await stat(path).catch(() => undefined))) {
        encoder ??= await openClipEncoder(source.config, source.weights, runtime, picture);
        const values = new Float32Array(chunkSize * size);
        for (let i = 0; i < chunkSize; i++) {
          if (signal?.aborted) throw new CancelledError();
          const latents = await encoder.encode(await clips.pixels(first + i, picture));
          values.set(pack(normalise(latents, source.statistics), channels), i * size);
        }
        await writeSafetensorsFile(path, new Map([["latents", storeFloat32(values, [chunkSize, size], "F16")]]));
      }
      const { checkpoint } = await openCheckpointPath(path);
      chunks.push((await readTensor(checkpoint.tensors.get("latents")!)) as Uint16Array);
      await checkpoint.close();
      request.report?.(Math.min(count, first + chunkSize), count, `latents ${key}`);
    }
  } finally {
    encoder?.dispose();
  }
  return {
    grid,
    count,
    caption: (clip, random) => clips.caption(clip, picture, random),
    read: (clip) => {
      const at = (clip % chunkSize) * size;
      return f16ToF32(chunks[Math.floor(clip / chunkSize)]!.subarray(at, at + size));
    },
  };
}

export const compressionOf = (source: LatentSource): [number, number, number] => compression(source.config);
