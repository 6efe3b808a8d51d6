/** What plans of recipes share: data known by its size alone, and the programs that prepare it. */
import type { Picture } from "../../../data/clip-source.ts";
import type { Grid } from "../../../models/ltx/rope.ts";
import type { LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { Encoder } from "../../../models/ltx-vae/encoder.ts";
import type { CodecModel } from "../../../pipelines/codec.ts";
import { codecProgram } from "../../../pipelines/codec-runner.ts";
import { latentGrid } from "../../../pipelines/hunyuan.ts";
import { tileCount, tileGrid, tilesOf } from "../../../pipelines/tiles.ts";
import type { HostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import { buildProgram, type Program } from "../../../tensor/program.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import type { FrozenRun } from "../../../training/plan.ts";
import { usualClips } from "../../../training/stages.ts";
import { heldOut } from "../../../training/validation.ts";
import type { SizedRecipe } from "./recipe-sets.ts";

export interface PlanOptions {
  /** Folder that paths in the recipe are relative to. */
  readonly base: string;
  readonly keeps: Runtime["keeps"];
  /** Hears which models are not there. */
  readonly note: (text: string) => void;
}

/** Data that is known by its size alone. */
export const unread = (): never => {
  throw new Error("a plan reads no data");
};
/** Latents of this many clips. */
export const sized = (grid: Grid, count = 0): LatentSet => ({ grid, count, read: unread, caption: unread });
export const noValues: ReadonlyMap<string, HostTensor> = new Map();

/** An LTX-Video encoder on whole clips. */
export const encodeLtx = (config: LtxVaeConfig, { frames, height, width }: Picture, keep: Runtime["keeps"]): Program =>
  buildProgram(
    { mean: mount(new Encoder(config), "encoder").forward(input("pixels", [1, 3, frames, height, width])).mean },
    { keep },
  );

/** Encoding by a teacher's autoencoder, tile by tile. */
export function codecRun(
  codec: CodecModel,
  picture: Picture,
  keeps: Runtime["keeps"],
): Pick<FrozenRun, "program" | "runs"> {
  const tiles = tilesOf(latentGrid(picture, codec), codec.tiling);
  return { program: codecProgram(codec, "encode", tileGrid(tiles), keeps), runs: tileCount(tiles) };
}

/** Clips of a size; pictures of a recipe include those that are held out. */
export const clipsOf = ({ clips, validation }: SizedRecipe, key: string): number =>
  key === heldOut ? validation!.clips : (clips[key] ?? usualClips);
