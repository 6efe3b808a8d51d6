/** `--model ORG/NAME` as a folder or file on this disk; what is missing is downloaded. */
import { join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import { isThere } from "../files/is-there.ts";
import { isWholePipeline, ModelCache } from "./cache.ts";
import type { ModelId } from "./model-id.ts";
import { type PullEvent, type PullOptions, pull } from "./pull.ts";
import { PassingError } from "./refusals.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

interface Cached {
  readonly path: string;
  /** Nothing of what the model needs is missing. */
  readonly whole: boolean;
}

/** What the cache has of a model, without asking the network. */
async function lookUp(id: ModelId, { cache: root }: HubSettings): Promise<Cached | undefined> {
  const cache = new ModelCache(root, id);
  const commit = await cache.commitOf(id.revision);
  if (commit === undefined) return undefined;
  const folder = cache.snapshot(commit);
  const path = id.file === undefined ? folder : join(folder, id.file);
  if (!(await isThere(path))) return undefined;
  return { path, whole: id.file !== undefined || (await isWholePipeline(folder)) };
}

/** The folder or file of a model that was downloaded before. @throws CheckpointError where it was not */
export async function cachedModel(id: ModelId): Promise<string> {
  const settings = await hubSettings();
  const found = await lookUp(id, settings);
  if (found) return found.path;
  throw new CheckpointError("this model is not downloaded yet", {
    where: id.name,
    hint: `turbo2k pull ${id.name} brings it to ${settings.cache}`,
  });
}

/**
 * A model that is whole in the cache is taken as it is; `turbo2k pull` brings a newer one.
 * @throws CheckpointError where it is not here and HF_HUB_OFFLINE is set
 */
export async function* findModel(id: ModelId, options: PullOptions = {}): AsyncGenerator<PullEvent, string> {
  const settings = options.settings ?? (await hubSettings());
  const found = await lookUp(id, settings);
  if (found?.whole) return found.path;
  if (settings.offline) {
    if (found) return found.path; // whatever it lacks is said when it is opened
    throw new CheckpointError("this model is not in the cache, and HF_HUB_OFFLINE is set", {
      where: id.name,
      hint: `unset it, or run turbo2k pull ${id.name} where there is a network (cache: ${settings.cache})`,
    });
  }
  try {
    const snapshot = yield* pull(id, { ...options, settings });
    return id.file === undefined ? snapshot : join(snapshot, id.file);
  } catch (cause) {
    if (!found || !(cause instanceof PassingError)) throw cause;
    yield { type: "notice", text: `${cause.message}; what is in the cache is used` };
    return found.path;
  }
}
