/** What an autoencoder loses of clips of the world: `turbo2k eval vae`. */
import { join } from "node:path";
import { CancelledError } from "../../../base/errors.ts";
import { clipAt } from "../../../data/world/clip.ts";
import { type Expected, expectedOf, judgeOf } from "../../../data/world/detect.ts";
import { presets } from "../../../data/world/draw.ts";
import { type RoundTrip, type RoundTripClip, RoundTripTally } from "../../../metrics/world.ts";
import type { LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { decodeFrames } from "../../../pipelines/decode.ts";
import { gridOf, type VideoSize } from "../../../pipelines/latents.ts";
import type { Runtime, Weights } from "../../../tensor/runtime.ts";
import { type Frame, framesToPlanar } from "../../../video/frame.ts";
import { isThere } from "../files/is-there.ts";
import { openModel } from "../models/open-model.ts";
import { openLatentSource } from "../training/latent-source.ts";
import { openClipEncoder } from "../training/vae-coding.ts";
import type { WorldPreset } from "./world.ts";

export interface VaeRequest {
  readonly preset: WorldPreset;
  readonly clips: number;
  readonly size: VideoSize;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

export type CodedClip = RoundTripClip<Expected> & { readonly caption: string };

/** An autoencoder alone, or the one of a whole model. */
export interface OpenedVae {
  readonly config: LtxVaeConfig;
  readonly weights: Weights;
  /** Preset of the world that its model was trained on. */
  readonly world: string | undefined;
  close(): Promise<void>;
}

export async function openVae(folder: string): Promise<OpenedVae> {
  if (await isThere(join(folder, "model_index.json"))) {
    const model = await openModel(folder);
    return { ...model.vae, world: model.settings.world, close: model.close };
  }
  const { source, close } = await openLatentSource(folder);
  return { ...source, world: undefined, close: async () => close() };
}

/** Encodes and decodes clips that training never drew (held-out combinations included); yields each with its copy. */
export async function* evaluateVae(
  { config, weights }: Pick<OpenedVae, "config" | "weights">,
  runtime: Runtime,
  { preset, clips, size, seed, signal }: VaeRequest,
): AsyncGenerator<CodedClip, RoundTrip> {
  const grid = gridOf(size, config);
  const encoder = await openClipEncoder(config, weights, runtime, size);
  const tally = new RoundTripTally(judgeOf(presets[preset]));
  try {
    for (let index = 0; index < clips; index++) {
      if (signal?.aborted) throw new CancelledError();
      const { frames: truth, masks, scene, caption } = clipAt(preset, seed, index, { ...size, split: "all" });
      const latents = await encoder.encode(framesToPlanar(truth));
      const trip: Frame[] = [];
      for await (const frame of decodeFrames({ vae: { config, weights } }, runtime, latents, grid)) trip.push(frame);
      const clip = { expected: expectedOf(scene, size.height, size.frames), truth, trip, masks, caption };
      tally.take(clip);
      yield clip;
    }
  } finally {
    encoder.dispose();
  }
  return tally.result();
}
