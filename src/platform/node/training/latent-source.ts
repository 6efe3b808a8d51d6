import { fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { diffusersName, isStatistic } from "../../../models/ltx-vae/weights.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import { weightsFor } from "../../../weights/weights-of.ts";
import { hashTensors } from "../files/hash-tensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import type { LatentSource } from "./latent-cache.ts";

/** An autoencoder's folder as what makes latents. */
export async function openLatentSource(folder: string): Promise<{ source: LatentSource; close(): Promise<void> }> {
  const { config, checkpoint } = await openCheckpointPath(folder);
  try {
    return {
      source: await sourceOf((config ?? {}) as Record<string, unknown>, checkpoint),
      close: () => checkpoint.close(),
    };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

async function sourceOf(json: Record<string, unknown>, checkpoint: Checkpoint): Promise<LatentSource> {
  const config = fromDiffusers(json);
  // A better decoder changes no latents.
  const tensors = new Map([...checkpoint.tensors].filter(([name]) => !name.startsWith("decoder.")));
  return {
    config,
    weights: weightsFor(new LtxVae(config), checkpoint, { name: diffusersName, ignore: isStatistic }),
    statistics: await statisticsOf(checkpoint, config.latentChannels),
    hash: await hashTensors({ tensors }),
  };
}
