/** Recipes that go on from a finished model. */
import { z } from "zod";
import { count, matching } from "./recipe-parts.ts";

const isPattern = (text: string): boolean => {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
};

export const tune = z.strictObject({
  kind: z.literal("fine-tune"),
  ...matching,
  /** Folder of the model, relative to the recipe; its autoencoder and text encoder are used as they are. */
  from: z.string(),
  /** Train adapters of this rank beside the weights instead of the weights. */
  lora: z
    .strictObject({
      rank: count,
      /** What they add is multiplied by alpha / rank; the rank when left out. */
      alpha: z.number().positive().optional(),
      /** Regular expression that chosen layers' paths match. */
      layers: z
        .string()
        .refine(isPattern, "must be a regular expression")
        .default("Attention\\.(query|key|value|out)$"),
    })
    .optional(),
  fps: z.number().positive(),
});
export type TuneRecipe = z.infer<typeof tune>;
