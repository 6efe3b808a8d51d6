/** How a video is made within a memory budget. The plan decides it, as data; the pipeline follows. */
import type { Holding } from "./holding.ts";
import type { Tiling } from "./tiles.ts";

export interface Execution {
  readonly text: Holding;
  /** Of the transformer, or of both of two stages. */
  readonly transformer: Holding;
  /** Of the autoencoder's two halves. */
  readonly decoder: Holding;
  /** Whether guided steps run once without and once with the prompt, rather than with both in one batch. */
  readonly sequential: boolean;
  /** Whether what the prompt alone decides, keys and values of all layers, is computed once and handed to each step. */
  readonly once: boolean;
  readonly tiling: Tiling;
}

/** Tiles of 7 latent frames by 256 cells (for 32x32x8: 49 frames of 512x512), sharing 2 frames and 3 cells. */
export const defaultTiling: Tiling = { frames: 7, cells: 256, overlap: { frames: 2, cells: 3 } };

/** Everything at once, as fast as can be. */
export const roomy: Execution = {
  text: "widened",
  transformer: "widened",
  decoder: "widened",
  sequential: false,
  once: false,
  tiling: defaultTiling,
};

/** Prompts that a run of the transformer takes: both with guidance, unless they take turns. */
export const batchOf = (guidanceScale: number, { sequential }: Pick<Execution, "sequential">): number =>
  guidanceScale === 1 || sequential ? 1 : 2;
