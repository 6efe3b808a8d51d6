import type { Runtime } from "../../../tensor/runtime.ts";
import type { Recipe } from "../../../training/recipe.ts";
import { type ClipsOptions, openClips } from "./clips.ts";
import { distillJob } from "./distill-job.ts";
import { flowJob } from "./flow-job.ts";
import { hrJob } from "./hr-job.ts";
import type { Job } from "./job.ts";
import { teacherJob } from "./teacher-job.ts";
import { tuneJob } from "./tune-job.ts";
import { vaeJob } from "./vae-job.ts";

/** What a recipe describes, ready to run. */
export async function openJob(recipe: Recipe, runtime: Runtime, options: ClipsOptions): Promise<Job> {
  const opened = await openClips(recipe, options);
  switch (recipe.kind) {
    case "vae":
      return vaeJob(recipe, opened.clips, runtime, options);
    case "text-to-video":
      return flowJob(recipe, opened, runtime, options);
    case "high-resolution":
      return hrJob(recipe, opened, runtime, options);
    case "teacher":
      return teacherJob(recipe, opened, runtime, options);
    case "fine-tune":
      return tuneJob(recipe, opened, runtime, options);
    case "distill":
      return distillJob(recipe, opened, runtime, options);
  }
}
