/** The original layout of the autoencoder, turned into that of diffusers. */
import { parametersOf } from "../../tensor/mount.ts";
import type { TensorEntry } from "../../weights/safetensors.ts";
import type { LtxVaeConfig } from "./config.ts";
import { publishedVaes } from "./published.ts";
import { LtxVae } from "./vae.ts";
import { diffusersName, originalNames } from "./weights.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/** What stands before its names in files that hold the transformer as well. */
const prefix = "vae.";

/** The autoencoder's tensors under their original names, without a prefix; `undefined` where the file holds none. */
export function originalTensors(tensors: Tensors): Tensors | undefined {
  const inside = tensors.has(`${prefix}decoder.conv_in.conv.weight`);
  const marks = ["decoder.up_blocks.0.res_blocks.0.conv1.conv.weight", "per_channel_statistics.std-of-means"];
  if (!inside && !marks.some((name) => tensors.has(name))) return undefined;
  if (!inside) return tensors;
  return new Map(
    [...tensors].flatMap(([name, entry]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), entry]] : [])),
  );
}

/** Original names to those of diffusers; names that these settings do not have stay, to be complained about. */
export function asDiffusers(tensors: Tensors, config: LtxVaeConfig): Tensors {
  const original = originalNames(config);
  const wanted = [...parametersOf(new LtxVae(config)).keys()].map(diffusersName);
  const back = new Map([...wanted, "latents_mean", "latents_std"].map((name) => [original(name), name]));
  return new Map([...tensors].map(([name, entry]) => [back.get(name) ?? name, entry]));
}

/** The published autoencoder that a file without settings holds. */
export function publishedOf(tensors: Tensors): LtxVaeConfig {
  const end = tensors.get("encoder.conv_out.conv.weight")?.shape ?? [];
  if (end[1] === 2048) return publishedVaes["0.9.5"];
  const conditioned = tensors.has("decoder.last_time_embedder.timestep_embedder.linear_1.weight");
  return publishedVaes[conditioned ? "0.9.1" : "0.9.0"];
}
