import type { Runtime } from "../../../tensor/runtime.ts";
import type { Recipe } from "../../../training/recipe.ts";
import type { Task } from "../../../training/trainer.ts";
import { VaeTask } from "../../../training/vae-task.ts";

/** The task that a recipe describes. Paths in it are relative to the recipe. */
export async function openTask(recipe: Recipe, _runtime: Runtime, _folder: string): Promise<Task> {
  switch (recipe.kind) {
    case "vae":
      return new VaeTask(recipe);
    case "text-to-video":
      throw new Error("unreachable until the flow task stands");
  }
}
