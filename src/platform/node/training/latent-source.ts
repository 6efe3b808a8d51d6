import { createHash } from "node:crypto";
import { fromDiffusers } from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { diffusersName, isStatistic } from "../../../models/ltx-vae/weights.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { matchNames } from "../../../weights/checkpoint.ts";
import { readTensor } from "../../../weights/safetensors.ts";
import { weightsOf } from "../../../weights/weights-of.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import type { LatentSource } from "./latent-cache.ts";

/** An autoencoder's folder as what makes latents. */
export async function openLatentSource(folder: string): Promise<{ source: LatentSource; close(): void }> {
  const { config: json, checkpoint } = await openCheckpointPath(folder);
  const config = fromDiffusers((json ?? {}) as Record<string, unknown>);
  const paths = [...parametersOf(new LtxVae(config))];
  const expected = new Map(paths.map(([path, { shape }]) => [diffusersName(path), { shape }]));
  const found = weightsOf(matchNames(expected, checkpoint, { ignore: isStatistic }));
  const hash = createHash("sha256");
  for (const [name, entry] of [...checkpoint.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name.startsWith("decoder.")) continue; // a better decoder changes no latents
    const data = await readTensor(entry);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const source = {
    config,
    weights: new Map(paths.map(([path]) => [path, found.get(diffusersName(path))!])),
    statistics: await statisticsOf(checkpoint, config.latentChannels),
    hash: hash.digest("hex"),
  };
  return { source, close: () => void checkpoint.close() };
}
