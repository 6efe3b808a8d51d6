/** A model's latent upsampler: in its folder, beside its file, in ComfyUI's folders, or where the user says. */
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import { type Module, upsamplerModule } from "../../../pipelines/assemble.ts";
import { versionIn } from "../../../pipelines/recognise.ts";
import { filesOf, openHash } from "../cache/file-hash.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { cachedModel } from "../hub/find-model.ts";
import { parseModelId } from "../hub/model-id.ts";
import { comfyAround } from "./comfy.ts";
import { openModule } from "./diffusers-folder.ts";

/** Where ComfyUI keeps them, under `models`. */
const comfyFolders = ["latent_upscale_models", "upscale_models"];

/** Opens the one that `place` names, or that belongs to the model at `path`; undefined where there is none. */
export async function findUpsampler(path: string, place: string | undefined): Promise<Module | undefined> {
  const found = place === undefined ? await upsamplerAround(path) : await downloaded(place);
  if (found === undefined) return undefined;
  const stats = await stat(found).catch(() => undefined);
  if (!stats) throw new CheckpointError("there is no such latent upsampler", { where: found });
  if (stats.isFile()) return openUpsamplerFile(found);
  const inner = join(found, upsamplerModule);
  return openModule((await isThere(inner)) ? inner : found);
}

/** A repository of a hub where it lies in the cache; paths as they are. */
async function downloaded(place: string): Promise<string> {
  const id = (await isThere(place)) ? undefined : parseModelId(place);
  return id ? cachedModel(id) : place;
}

/** A published file; its metadata has the settings of LTXLatentUpsamplerModel. */
async function openUpsamplerFile(path: string): Promise<Module> {
  const { config, checkpoint } = await openCheckpointPath(path);
  try {
    if (!checkpoint.tensors.has("post_upsample_res_blocks.0.conv1.weight"))
      throw new CheckpointError("this file holds no latent upsampler", { where: path });
    return { config: config ?? {}, checkpoint, hash: await openHash(filesOf(checkpoint)) };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

async function upsamplerAround(path: string): Promise<string | undefined> {
  if ((await stat(path)).isDirectory()) {
    const inner = join(path, upsamplerModule);
    return (await isThere(inner)) ? inner : undefined;
  }
  const models = await comfyAround(path);
  const folders = [dirname(path), ...(models ? comfyFolders.map((name) => join(models, name)) : [])];
  const files: string[] = [];
  for (const folder of folders)
    for (const name of (await readdir(folder).catch(() => [] as string[])).sort())
      if (/ltxv?-spatial-upscaler.*\.safetensors$/i.test(name)) files.push(join(folder, name));
  // That of the model's own release, or else the latest.
  return files.find((file) => versionIn(file) === versionIn(path)) ?? files.at(-1);
}
