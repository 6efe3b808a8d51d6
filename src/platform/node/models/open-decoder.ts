/** What decodes saved latents: a model without its text encoder, which need not be there. */
import { stat } from "node:fs/promises";
import { CheckpointError } from "../../../base/errors.ts";
import { assembleDecoder, type OpenedDecoder } from "../../../pipelines/assemble.ts";
import { findBodyInFolder } from "./diffusers-folder.ts";
import { type OpenOptions, refuseParts } from "./open-model.ts";
import { findBodyInFile } from "./single-file.ts";

export async function openDecoder(
  path: string,
  { vae, compat }: Pick<OpenOptions, "vae" | "compat">,
): Promise<OpenedDecoder> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats) throw new CheckpointError("there is no such model", { where: path, hint: "--model mini, or a folder" });
  if (stats.isDirectory()) refuseParts(path, { vae });
  const found = stats.isDirectory() ? await findBodyInFolder(path) : await findBodyInFile(path, { vae });
  try {
    return await assembleDecoder({ ...found, compat });
  } catch (cause) {
    await Promise.all(Object.values(found.modules).map(({ checkpoint }) => checkpoint.close()));
    throw cause;
  }
}
