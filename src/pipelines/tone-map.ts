import { denormalise, normalise, type Statistics } from "./latents.ts";

/**
 * Latents [C, ...], not normalised, with those far from their mean brought nearer, smoothly:
 * z (1 - 0.8 k sigmoid(4 k (|z| - 1))) of normalised z, k = 0.75 · compression (Lightricks/LTX-Video 0.9.8, 13B).
 * @param compression from 0, which changes nothing, to 1
 */
export function toneMapped(latents: Float32Array, compression: number, statistics: Statistics): Float32Array {
  const k = 0.75 * compression;
  const mapped = normalise(latents, statistics).map(
    (z) => z * (1 - (0.8 * k) / (1 + Math.exp(-4 * k * (Math.abs(z) - 1)))),
  );
  return denormalise(mapped, statistics);
}
