/** Trainings that go on from a finished model. */
import { isDeepStrictEqual } from "node:util";
import { CheckpointError } from "../../../base/errors.ts";
import type { Part } from "../../../pipelines/model.ts";
import { type Values, valuesOfParts } from "./job.ts";

/**
 * A finished model's values as its training names them.
 * @param parts of the model, where it has them, and `configs` of the recipe, by the names that they have in the training
 * @throws CheckpointError for a model of another shape
 */
export async function valuesToGoOn(
  folder: string,
  parts: Readonly<Record<string, Part<unknown> | undefined>>,
  configs: object,
): Promise<Values> {
  const known = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part?.config]));
  if (!isDeepStrictEqual(known, { ...configs }))
    throw new CheckpointError("the model to go on from has another shape than the recipe's", {
      where: folder,
      hint: "layers, widths, words of captions and channels of latents have to be the same; of a second stage also what guides it",
    });
  return valuesOfParts(parts as Record<string, Part<unknown>>);
}
