/** Pictures and clips to latents, as the transformer sees them. */
import { InputError } from "../base/errors.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { compression } from "../models/ltx-vae/config.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { type Frame, framesToPlanar } from "../video/frame.ts";
import { cropFrame } from "../video/resize.ts";
import { encodeTiled } from "./encode.ts";
import type { Holding } from "./holding.ts";
import { normalise, pack } from "./latents.ts";
import type { TextToVideoModel } from "./model.ts";

/** Means of the posterior, normalised and packed [n, C], with their grid. */
export interface EncodedClip {
  readonly tokens: Float32Array;
  readonly grid: Grid;
}

/**
 * Encodes frames of one size on the model's grid.
 * @throws InputError for a number of frames that is not one more than a multiple of the compression in time
 */
export async function encodeFrames(
  model: TextToVideoModel,
  runtime: Runtime,
  frames: readonly Frame[],
  holding?: Holding,
): Promise<EncodedClip> {
  const [t, h, w] = compression(model.vae.config);
  const { width, height } = frames[0]!;
  if ((frames.length - 1) % t || width % w || height % h)
    throw new InputError(`${frames.length} frames of ${width}x${height} cannot be encoded`, {
      hint: `the model takes ${t}k+1 frames with sides that are multiples of ${w}`,
    });
  const grid = { frames: (frames.length - 1) / t + 1, height: height / h, width: width / w };
  const latents = await encodeTiled(model, runtime, {
    grid,
    holding,
    draw: async ({ top: y, left: x, height, width }) =>
      framesToPlanar(frames.map((frame) => cropFrame(frame, { x, y, width, height }))),
  });
  return { tokens: pack(normalise(latents, model.statistics), model.vae.config.latentChannels), grid };
}
