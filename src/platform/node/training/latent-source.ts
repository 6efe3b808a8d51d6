import { fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { diffusersName, isStatistic } from "../../../models/ltx-vae/weights.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import { weightsFor } from "../../../weights/weights-of.ts";
import { hashTensors } from "../files/hash-tensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import type { LatentSource } from "./latent-cache.ts";

/** An autoencoder's folder as what makes latents. */
export async function openLatentSource(folder: string): Promise<{ source: LatentSource; close(): void }> {
  const { config: json, checkpoint } = await openCheckpointPath(folder);
  const config = fromDiffusers((json ?? {}) as Record<string, unknown>);
  // A better decoder changes no latents.
  const tensors = new Map([...checkpoint.tensors].filter(([name]) => !name.startsWith("decoder.")));
  const source = {
    config,
    weights: weightsFor(new LtxVae(config), checkpoint, { name: diffusersName, ignore: isStatistic }),
    statistics: await statisticsOf(checkpoint, config.latentChannels),
    hash: await hashTensors({ tensors }),
  };
  return { source, close: () => void checkpoint.close() };
}
