/** Autoencoders of teachers: opened from a folder, or fitted to clips. */
import { createHash } from "node:crypto";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { type Codec, type CodecModel, codecOf, pcaCodec } from "../../../pipelines/codec.ts";
import { latentGrid } from "../../../pipelines/hunyuan.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import { buildProgram } from "../../../tensor/program.ts";
import { type Runtime, weightInMemory } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";
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
  const { width, height, frames } = request.picture;
  const shape = [1, 3, frames, height, width];
  return encodedSet(request, {
    hash: codec.hash,
    grid: latentGrid(request.picture, codec),
    channels: codec.channels,
    open: async () => {
      const program = buildProgram({ latents: codec.encode(input("pixels", shape)) }, { keep: runtime.keeps });
      const executable = await runtime.compile(program, { weights: codec.weights });
      return {
        encode: async (pixels) =>
          (await executable.run({ pixels: hostTensor(pixels, shape) }))["latents"]!.data as Float32Array,
        dispose: () => executable.dispose(),
      };
    },
  });
}
