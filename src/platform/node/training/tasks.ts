import type { Runtime } from "../../../tensor/runtime.ts";
import type { Recipe } from "../../../training/recipe.ts";
import { type Opened, openTogether } from "../files/opened.ts";
import { type ClipsOptions, type OpenedClips, openClips } from "./clips.ts";
import { distillJob } from "./distill-job.ts";
import { flowJob } from "./flow-job.ts";
import { hrJob } from "./hr-job.ts";
import type { Job, OpenedJob } from "./job.ts";
import { teacherJob } from "./teacher-job.ts";
import { tuneJob } from "./tune-job.ts";
import { vaeJob } from "./vae-job.ts";

/** What a recipe describes, ready to run. */
export async function openJob(recipe: Recipe, runtime: Runtime, options: ClipsOptions): Promise<Job> {
  const clips = await openClips(recipe, options);
  return openTogether((opened) => jobOf(recipe, clips, runtime, options, opened));
}

function jobOf(
  recipe: Recipe,
  clips: OpenedClips,
  runtime: Runtime,
  options: ClipsOptions,
  opened: Opened,
): Promise<OpenedJob> {
  switch (recipe.kind) {
    case "vae":
      return vaeJob(recipe, clips.clips, runtime, options);
    case "text-to-video":
      return flowJob(recipe, clips, runtime, options, opened);
    case "high-resolution":
      return hrJob(recipe, clips, runtime, options, opened);
    case "teacher":
      return teacherJob(recipe, clips, runtime, options, opened);
    case "fine-tune":
      return tuneJob(recipe, clips, runtime, options, opened);
    case "distill":
      return distillJob(recipe, clips, runtime, options, opened);
  }
}
