import { WorldClips } from "../../../data/world/source.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { Recipe } from "../../../training/recipe.ts";
import { type FlowJobOptions, flowJob } from "./flow-job.ts";
import type { Job } from "./job.ts";
import { vaeJob } from "./vae-job.ts";

/** What a recipe describes, ready to run. */
export async function openJob(recipe: Recipe, runtime: Runtime, options: FlowJobOptions): Promise<Job> {
  const clips = new WorldClips(recipe.world, recipe.seed);
  switch (recipe.kind) {
    case "vae":
      return vaeJob(recipe, clips, runtime, options);
    case "text-to-video":
      return flowJob(recipe, clips, runtime, options);
  }
}
