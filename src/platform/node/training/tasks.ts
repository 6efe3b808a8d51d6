import type { Runtime } from "../../../tensor/runtime.ts";
import type { Recipe } from "../../../training/recipe.ts";
import { type FlowJobOptions, flowJob } from "./flow-job.ts";
import type { Job } from "./job.ts";
import { vaeJob } from "./vae-job.ts";

/** What a recipe describes, ready to run. */
export async function openJob(recipe: Recipe, runtime: Runtime, options: FlowJobOptions): Promise<Job> {
  switch (recipe.kind) {
    case "vae":
      return vaeJob(recipe, runtime);
    case "text-to-video":
      return flowJob(recipe, runtime, options);
  }
}
