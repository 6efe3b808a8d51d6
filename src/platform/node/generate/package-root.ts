/** The installed package: its folder, version and the models that come with it. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CheckpointError, UnsupportedError } from "../../../base/errors.ts";

/** The same for `src` in a checkout and for `dist` in a package: both lie at its root. */
export const packageRoot = fileURLToPath(new URL("../../../../", import.meta.url));

export const defaultModel = "mini";

/** `mini` or a folder to the folder that holds the model. */
export async function modelFolder(name: string): Promise<string> {
  const found = await stat(name).catch(() => undefined);
  if (name === defaultModel) {
    const shipped = join(packageRoot, "assets", defaultModel);
    if (await stat(shipped).catch(() => undefined)) return shipped;
    if (!found)
      throw new CheckpointError("this installation lacks the mini model", {
        where: shipped,
        hint: "train it (recipes/mini-vae.yaml, then recipes/mini.yaml), or name a model's folder with --model",
      });
  }
  if (found?.isDirectory()) return resolve(name);
  if (found)
    throw new UnsupportedError(`${name} is a single file; only model folders can be used so far`, {
      hint: "name a folder in the diffusers layout (transformer, vae, text_encoder, tokenizer)",
    });
  throw new CheckpointError("there is no such model", {
    where: name,
    hint: `use --model mini, or a folder${/^[\w.-]+\/[\w.-]+$/.test(name) ? "; models are not downloaded yet: fetch it first" : ""}`,
  });
}
