/** The built page in this package, and a model's folder as the page wants it. */
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError, TurboError } from "../../../base/errors.ts";
import { modelFilesName } from "../../../schema/model-files.ts";
import { isThere } from "../files/is-there.ts";
import { packageRoot } from "../generate/package-root.ts";
import { modelFilesOf } from "./model-files.ts";

/** Where the page looks for its model, below its own address. */
export const modelPath = "model";

/** The folder that Vite built. */
export async function builtPage(folder = join(packageRoot, "dist", "studio")): Promise<string> {
  if (await isThere(join(folder, "index.html"))) return folder;
  throw new TurboError("failure", "the page has not been built", { where: folder, hint: "npm run build" });
}

export interface StudioFolders {
  readonly page: string;
  readonly model: string;
}

/** Writes everything that a static host needs into one new folder. */
export async function exportStudio({ page, model }: StudioFolders, folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = code === "EEXIST" ? "this folder exists already" : `cannot make this folder (${code})`;
    throw new InputError(message, { where: folder, cause, hint: "name a new folder in one that exists" });
  }
  await cp(page, folder, { recursive: true });
  await rm(join(folder, modelPath), { recursive: true, force: true });
  await placeModel(model, folder);
}

/** Puts a model and the list of its files where the page in `folder` looks for them. */
export async function placeModel(model: string, folder: string): Promise<void> {
  const { files, modules } = await modelFilesOf(model);
  for (const { path } of files) await cp(join(model, path), join(folder, modelPath, path));
  await writeFile(join(folder, modelPath, modelFilesName), JSON.stringify({ files, modules }));
}
