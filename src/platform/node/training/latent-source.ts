import { fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { diffusersName, isStatistic } from "../../../models/ltx-vae/weights.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { matchNames } from "../../../weights/checkpoint.ts";
import { weightsOf } from "../../../weights/weights-of.ts";
import { hashTensors } from "../files/hash-tensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import type { LatentSource } from "./latent-cache.ts";

/** An autoencoder's folder as what makes latents. */
export async function openLatentSource(folder: string): Promise<{ source: LatentSource; close(): void }> {
  const { config: json, checkpoint } = await openCheckpointPath(folder);
  const config = fromDiffusers((json ?? {}) as Record<string, unknown>);
  const paths = [...parametersOf(new LtxVae(config))];
  const expected = new Map(paths.map(([path, { shape }]) => [diffusersName(path), { shape }]));
  const found = weightsOf(matchNames(expected, checkpoint, { ignore: isStatistic }));
  // A better decoder changes no latents.
  const tensors = new Map([...checkpoint.tensors].filter(([name]) => !name.startsWith("decoder.")));
  const source = {
    config,
    weights: new Map(paths.map(([path]) => [path, found.get(diffusersName(path))!])),
    statistics: await statisticsOf(checkpoint, config.latentChannels),
    hash: await hashTensors({ tensors }),
  };
  return { source, close: () => void checkpoint.close() };
}
