/** A pipeline's folder (diffusers layout) on a web server as a text-to-video model. */
import { knownHash } from "../../../base/content-hash.ts";
import { CheckpointError } from "../../../base/errors.ts";
import { parseJsonObject } from "../../../base/published-settings.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import {
  assembleModel,
  hrModule,
  type Module,
  type ModuleName,
  moduleNames,
  type OpenedModel,
  parseSettings,
} from "../../../pipelines/assemble.ts";
import { type Checkpoint, openCheckpoint, openShardedCheckpoint } from "../../../weights/checkpoint.ts";
import { blobSource } from "../../../weights/source.ts";
import { type KeepOptions, keepFiles } from "./kept-files.ts";

/**
 * Opens the folder at an address, such as `models/mini/`. Its files stay in the browser's cache; tensors are read when a
 * runtime asks for them.
 * @throws CheckpointError where files are missing, damaged or of another version
 */
export async function openModel(folder: string | URL, options: KeepOptions = {}): Promise<OpenedModel> {
  const base = new URL(folder, globalThis.location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const { files, blobs } = await keepFiles(base, options);
  const where = base.href;
  const text = async (path: string) => blobs.get(path)?.text();

  const settings = await text("turbo2k.json");
  const tokenizer = await text("tokenizer/tokenizer.json");
  if (tokenizer === undefined) throw new CheckpointError("this model lacks its tokenizer", { where });
  const names = [...moduleNames, ...(blobs.has(`${hrModule}/config.json`) ? [hrModule] : [])] as ModuleName[];
  const modules = await Promise.all(
    names.map(async (name): Promise<[ModuleName, Module]> => {
      const sha256 = files.modules[name];
      const config = await text(`${name}/config.json`);
      if (config === undefined || sha256 === undefined)
        throw new CheckpointError(`this model lacks its ${name}`, { where });
      return [
        name,
        {
          config: parseJsonObject(config, `${where}${name}/config.json`),
          checkpoint: await openWeights(blobs, `${name}/`, where),
          hash: knownHash(sha256),
        },
      ];
    }),
  );
  return assembleModel({
    settings: settings === undefined ? undefined : parseSettings(settings, `${where}turbo2k.json`),
    evidence: { names: [base.pathname] },
    tokenizer: new TextTokenizer(tokenizer),
    modules: Object.fromEntries(modules) as Record<ModuleName, Module>,
  });
}

async function openWeights(blobs: ReadonlyMap<string, Blob>, folder: string, where: string): Promise<Checkpoint> {
  const paths = [...blobs.keys()].filter((path) => path.startsWith(folder));
  const open = (path: string) => blobSource(blobs.get(path)!, where + path);
  const index = paths.find((path) => path.endsWith(".safetensors.index.json"));
  if (index) return openShardedCheckpoint(open(index), async (file) => open(folder + file));
  const weights = paths.filter((path) => path.endsWith(".safetensors"));
  if (weights.length !== 1)
    throw new CheckpointError(`expected one .safetensors file or an index, got ${weights.length} files`, {
      where: where + folder,
    });
  return openCheckpoint(open(weights[0]!));
}
