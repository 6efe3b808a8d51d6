/** ComfyUI's folders: checkpoints, transformers, autoencoders, text encoders and LoRAs, each in files of any name. */
import { readdir, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { CheckpointError, InputError } from "../../../base/errors.ts";
import { asDiffusers } from "../../../models/ltx/layouts.ts";
import { originalTensors } from "../../../models/ltx-vae/layouts.ts";
import { asTransformers } from "../../../models/t5/layouts.ts";
import { type Checkpoint, openCheckpoint } from "../../../weights/checkpoint.ts";
import { fileSource } from "../files/file-source.ts";
import { isThere } from "../files/is-there.ts";

type Tensors = Checkpoint["tensors"];

/** Where each kind of file lies under ComfyUI's `models`, and how one is known: names tell nothing for certain. */
const kinds = {
  transformer: {
    folders: ["checkpoints", "diffusion_models", "unet"],
    is: (t: Tensors) => asDiffusers(t) !== undefined,
  },
  vae: { folders: ["vae", "checkpoints"], is: (t: Tensors) => originalTensors(t) !== undefined },
  text: { folders: ["text_encoders", "clip"], is: (t: Tensors) => asTransformers(t) !== undefined },
} as const;

type Kind = keyof typeof kinds;

/** The `models` folder of a ComfyUI folder, or the folder itself if it is that. */
export async function comfyModels(root: string): Promise<string> {
  for (const folder of [join(root, "models"), root])
    for (const inner of ["checkpoints", "diffusion_models", "unet"])
      if (await isThere(join(folder, inner))) return resolve(folder);
  throw new CheckpointError("this is no ComfyUI folder: it has no models", {
    where: root,
    hint: "expected models/checkpoints, models/diffusion_models or models/unet in it",
  });
}

/** The `models` folder that a checkpoint's path goes through, if it is ComfyUI's. */
export async function comfyAround(path: string): Promise<string | undefined> {
  const parts = resolve(path).split(sep);
  const at = parts.findLastIndex((part) => (kinds.transformer.folders as readonly string[]).includes(part));
  const folder = parts.slice(0, at).join(sep);
  const others = [...kinds.text.folders, ...kinds.vae.folders.slice(0, 1)];
  const there = at > 0 ? await Promise.all(others.map((name) => isThere(join(folder, name)))) : [];
  return there.includes(true) ? folder : undefined;
}

/** The transformer that `name` means (a path under its folders, or a part of one), or the only one. */
export async function comfyCheckpoint(models: string, name: string | undefined): Promise<string> {
  const found = await filesOf(models, "transformer");
  const meant = name === undefined ? found : found.filter((path) => path.endsWith(`${sep}${name}`));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  const list = found.map((path) => path.slice(models.length + 1)).join(", ");
  if (found.length === 0) throw new CheckpointError("no LTX-Video model among its files", { where: models });
  throw new InputError(
    name === undefined || meant.length > 1 ? "several models could be meant" : `no model ${JSON.stringify(name)}`,
    {
      where: models,
      hint: `choose with --model: ${list}`,
    },
  );
}

/** The largest file of a kind that `fits`: of equal ones that differ in precision the most precise. */
export async function comfyFile(
  models: string,
  kind: "vae" | "text",
  fits: (tensors: Tensors) => boolean,
): Promise<string | undefined> {
  const found = await Promise.all(
    (await filesOf(models, kind, fits)).map(async (path) => ({ path, size: (await stat(path)).size })),
  );
  return found.sort((a, b) => b.size - a.size)[0]?.path;
}

/** A LoRA's file under `loras`, if it is there. */
export async function comfyLora(models: string, name: string): Promise<string | undefined> {
  const path = join(models, "loras", name);
  return (await isThere(path)) ? path : undefined;
}

/** Files of a kind, by their tensors' names; those that cannot be read are not of it. */
async function filesOf(
  models: string,
  kind: Kind,
  fits: (tensors: Tensors) => boolean = () => true,
): Promise<string[]> {
  const found: string[] = [];
  for (const folder of kinds[kind].folders) {
    const entries = await readdir(join(models, folder), { recursive: true }).catch(() => [] as string[]);
    for (const entry of entries.filter((name) => /\.(safetensors|gguf)$/.test(name)).sort()) {
      const path = join(models, folder, entry);
      const checkpoint = await fileSource(path)
        .then(openCheckpoint)
        .catch(() => undefined);
      if (checkpoint && kinds[kind].is(checkpoint.tensors) && fits(checkpoint.tensors)) found.push(path);
      await checkpoint?.close();
    }
  }
  return found;
}
