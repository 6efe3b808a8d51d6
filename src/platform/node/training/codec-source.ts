/** Autoencoders of teachers: opened from a folder, or fitted to clips. */
import { createHash } from "node:crypto";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import { type Codec, type CodecModel, codecOf, pcaCodec } from "../../../pipelines/codec.ts";
import { CodecRunner } from "../../../pipelines/codec-runner.ts";
import { latentGrid } from "../../../pipelines/hunyuan.ts";
import { tileCount, tilesOf } from "../../../pipelines/tiles.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import { type Runtime, weightInMemory } from "../../../tensor/runtime.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import { fitPcaCodec } from "../../../training/pca-fit.ts";
import type { TeacherRecipe } from "../../../training/recipe.ts";
import { f16ToF32, f32ToF16 } from "../../../weights/half.ts";
import { weightsFor } from "../../../weights/weights-of.ts";
import { hashTensors } from "../files/hash-tensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { type CacheRequest, encodedSet } from "./latent-cache.ts";

/** A codec that may hold a file open. */
export interface OpenedCodec extends Codec {
  close(): Promise<void>;
}

/** An autoencoder's folder. */
export async function openCodec(folder: string): Promise<OpenedCodec> {
  const { config, checkpoint } = await openCheckpointPath(folder);
  try {
    const codec = codecOf((config ?? {}) as Record<string, unknown>);
    return {
      ...codec,
      weights: weightsFor(codec.model, checkpoint, { name: codec.rename }),
      hash: await hashTensors(checkpoint),
      close: () => checkpoint.close(),
    };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

/** Size of the clips that a linear autoencoder is fitted to. */
const fitted: Picture = { width: 256, height: 160, frames: 17 };

/** Principal components of clips that training does not draw; values as they are stored, in half precision. */
export async function fitCodec(
  { cell, channels, clips: count }: Exclude<TeacherRecipe["codec"], string>,
  clips: ClipSource,
  pictures: readonly Picture[] = [fitted],
): Promise<OpenedCodec & { readonly values: ReadonlyMap<string, HostTensor> }> {
  const codec: CodecModel = pcaCodec({ cell, channels });
  const fit = await fitPcaCodec({ cell, channels }, clips.sibling(4), count, pictures);
  const hash = createHash("sha256");
  const values = new Map<string, HostTensor>();
  for (const [name, { data, shape }] of fit) {
    const half = f32ToF16(data as Float32Array);
    hash.update(new Uint8Array(half.buffer, half.byteOffset, half.byteLength));
    values.set(name, hostTensor(f16ToF32(half), shape));
  }
  const weights = new Map([...values].map(([name, value]) => [name, weightInMemory(value)]));
  return { ...codec, weights, values, hash: hash.digest("hex"), close: async () => {} };
}

/** Latents [C, f, h, w] of clips as the teacher's transformer sees them, from disk where they are already. */
export async function codecLatents(
  codec: Codec,
  runtime: Runtime,
  request: CacheRequest,
): Promise<LatentSet & { close(): Promise<void> }> {
  const { picture } = request;
  const grid = latentGrid(picture, codec);
  return encodedSet(request, {
    hash: encoderOf(codec, grid),
    grid,
    channels: codec.channels,
    open: async () => {
      const runner = new CodecRunner(codec, runtime);
      return { encode: (pixels) => runner.encode(pixels, picture), dispose: () => runner.dispose() };
    },
  });
}

/** Tells latents from those of another autoencoder, or of the same in other tiles. */
export const encoderOf = ({ hash, tiling }: Codec, grid: Grid): string =>
  tileCount(tilesOf(grid, tiling)) === 1 ? hash : `${hash} ${JSON.stringify(tiling)}`;
