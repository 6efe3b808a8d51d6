import { InputError } from "../../../base/errors.ts";
import { keptDraws } from "../../../training/distill-teacher.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import type { Recipe } from "../../../training/recipe.ts";
import { type ClipsOptions, openClips } from "./clips.ts";
import { requestsOf } from "./recipe-sets.ts";

/** Every caption that a distillation will hand to its teacher. */
export async function drawnCaptions(recipe: Recipe, options: ClipsOptions): Promise<string[]> {
  if (recipe.kind !== "distill")
    throw new InputError(`captions of a ${recipe.kind} recipe need no embeddings`, {
      hint: "recipes/mini-distill.yaml",
    });
  if (!recipe.draws)
    throw new InputError("this recipe words captions anew at every step, so that they cannot be listed", {
      hint: "set draws to 1 or more",
    });
  const clips = await openClips(recipe, options);
  const captions = new Set<string>();
  for (const [key, { clips: source, picture, count }] of requestsOf(recipe, clips, options)) {
    const caption: LatentSet["caption"] = (clip, random) => source.caption(clip, picture, random);
    for (const draw of keptDraws(recipe, key, { count, caption })) captions.add(draw.caption);
  }
  return [...captions];
}
