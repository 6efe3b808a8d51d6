/** `files.json` beside a model on a web server, which cannot list a folder: what there is, and how to know it again. */
import { z } from "zod";
import { CheckpointError } from "../base/errors.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Below the model's folder: no way up, no other host. */
const path = z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/);

export const modelFilesSchema = z.strictObject({
  files: z.array(z.strictObject({ path, bytes: z.int().nonnegative(), sha256 })),
  /** Of each module's weight files, in the order of their names: what a receipt names. */
  modules: z.record(z.string(), sha256),
});

export type ModelFiles = z.infer<typeof modelFilesSchema>;

export const modelFilesName = "files.json";

/** @throws CheckpointError for anything else than such a list */
export function parseModelFiles(text: string, where: string): ModelFiles {
  try {
    return modelFilesSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CheckpointError("not a list of model files", {
      where,
      cause,
      hint: "turbo2k studio --export writes one beside the model",
    });
  }
}
