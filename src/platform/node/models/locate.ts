/** What a request names, as paths on this disk. */
import { CheckpointError } from "../../../base/errors.ts";
import type { GenerateRequest } from "../../../schema/request.ts";
import { isThere } from "../files/is-there.ts";
import { defaultModel, modelPath } from "../generate/package-root.ts";
import { parseModelId } from "../hub/model-id.ts";
import { comfyCheckpoint, comfyLora, comfyModels } from "./comfy.ts";
import { type LoraFile, parseLoraFile } from "./open-lora.ts";

/** Where a model and the parts that may lie apart are. */
export type ModelPlaces = Pick<GenerateRequest, "model" | "comfyRoot" | "textEncoder" | "vae" | "upsampler">;

type Named = Pick<GenerateRequest, "model" | "lora" | "comfyRoot">;

/** The model's folder or file; with a ComfyUI folder its only LTX-Video model, or the one of that name in it. */
export async function locateModel({ model, comfyRoot }: Named): Promise<string> {
  if (comfyRoot === undefined || (model !== undefined && (await isThere(model))))
    return modelPath(model ?? defaultModel);
  return comfyCheckpoint(await comfyModels(comfyRoot), model);
}

/** The LoRAs' files: as named, or in the ComfyUI folder's `loras`, or downloaded from a hub. */
export async function locateLoras({ lora = [], comfyRoot }: Named): Promise<LoraFile[]> {
  const models = comfyRoot === undefined ? undefined : await comfyModels(comfyRoot);
  return Promise.all(
    lora.map(parseLoraFile).map(async ({ path, weight }) => {
      if (await isThere(path)) return { path, weight };
      const inComfy = models && (await comfyLora(models, path));
      if (inComfy === undefined && !parseModelId(path))
        throw new CheckpointError("there is no such LoRA", {
          where: path,
          hint: "name a .safetensors file, or ORG/NAME/FILE.safetensors of a hub",
        });
      return { path: inComfy ?? (await modelPath(path)), weight };
    }),
  );
}
