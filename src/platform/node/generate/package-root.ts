/** The installed package: its folder, version and the models that come with it. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CheckpointError } from "../../../base/errors.ts";
import { isThere } from "../files/is-there.ts";
import { cachedModel } from "../hub/find-model.ts";
import { parseModelId } from "../hub/model-id.ts";

/** The same for `src` in a checkout and for `dist` in a package: both lie at its root. */
export const packageRoot = fileURLToPath(new URL("../../../../", import.meta.url));

export const defaultModel = "mini";

/** `mini`, a folder, a checkpoint's file or the ORG/NAME of a downloaded model to where the model lies. */
export async function modelPath(name: string): Promise<string> {
  const found = await stat(name).catch(() => undefined);
  if (name === defaultModel) {
    const shipped = join(packageRoot, "assets", defaultModel);
    if (await isThere(shipped)) return shipped;
    if (!found)
      throw new CheckpointError("this installation lacks the mini model", {
        where: shipped,
        hint: "train it (recipes/mini-vae.yaml, mini-decoder.yaml, mini-decoder-settle.yaml, then mini.yaml), or name a model's folder with --model",
      });
  }
  if (found) return resolve(name);
  const id = parseModelId(name);
  if (id) return cachedModel(id);
  throw new CheckpointError("there is no such model", {
    where: name,
    hint: "use --model mini, a folder, or the ORG/NAME of a model on a hub",
  });
}
