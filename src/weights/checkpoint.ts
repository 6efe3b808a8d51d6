import { CheckpointError } from "../base/errors.ts";
import { refusePickleName } from "./file-kind.ts";
import { isGguf, readGguf } from "./gguf.ts";
import { readSafetensors, type TensorEntry } from "./safetensors.ts";
import type { ByteSource } from "./source.ts";

/** Named tensors gathered from one file or from several shards; nothing but the headers has been read. */
export interface Checkpoint {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** A checkpoint that is one safetensors or GGUF file. It owns the source from here on: `close` closes it. */
export async function openCheckpoint(source: ByteSource): Promise<Checkpoint> {
  return owning([source], async () => {
    refusePickleName(source.name);
    const gguf = isGguf(await source.slice(0, Math.min(4, source.size)));
    const { tensors, metadata } = gguf ? await readGguf(source) : await readSafetensors(source);
    return { name: source.name, tensors, metadata };
  });
}

/** Gives the bytes of a file that lies beside the index, or `undefined` where there is none. */
export type OpenShard = (file: string) => Promise<ByteSource | undefined>;

/** A checkpoint split over the files that a `*.safetensors.index.json` names. */
export async function openShardedCheckpoint(index: ByteSource, open: OpenShard): Promise<Checkpoint> {
  const where = index.name;
  const sources: ByteSource[] = [];
  return owning(sources, async () => {
    const weightMap = parseIndex(new TextDecoder().decode(await index.slice(0, index.size)), where);
    const files = [...new Set(weightMap.values())].sort();
    const missing: string[] = [];
    for (const file of files) {
      refusePickleName(file);
      const source = await open(file);
      if (source) sources.push(source);
      else missing.push(file);
    }
    if (missing.length > 0)
      throw new CheckpointError(`${missing.length} of ${files.length} shards missing: ${listSome(missing)}`, {
        where,
        hint: "the download is incomplete; pull the model again",
      });
    return { name: where, ...(await gather(sources, files, weightMap, where)) };
  });
}

/** Runs `open`; where it fails, what has been opened so far is closed again. */
async function owning(sources: ByteSource[], open: () => Promise<Omit<Checkpoint, "close">>): Promise<Checkpoint> {
  const close = async (): Promise<void> => {
    for (const source of sources) await source.close?.();
  };
  try {
    return { ...(await open()), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function parseIndex(text: string, where: string): Map<string, string> {
  const hint = "the index is damaged; pull the model again";
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError("the index must be JSON", { where, cause, hint });
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map) || Object.keys(map).length === 0)
    throw new CheckpointError("the index must have a weight_map from tensor to file", { where, hint });
  for (const file of Object.values(map)) {
    // An index comes from a stranger: it must not reach out of its folder.
    if (typeof file !== "string" || /[/\\\0]/.test(file) || file === "" || file.startsWith("."))
      throw new CheckpointError(`weight_map must name files beside the index, got ${JSON.stringify(file)}`, {
        where,
        hint,
      });
  }
  return new Map(Object.entries(map as Record<string, string>));
}

async function gather(
  sources: readonly ByteSource[],
  files: readonly string[],
  weightMap: ReadonlyMap<string, string>,
  where: string,
): Promise<Pick<Checkpoint, "tensors" | "metadata">> {
  const hint = "the shards belong to different downloads; pull the model again";
  const tensors = new Map<string, TensorEntry>();
  const homes = new Map<string, string>();
  let metadata: Record<string, string> = {};
  for (const [position, source] of sources.entries()) {
    const file = files[position]!;
    const shard = await readSafetensors(source);
    metadata = { ...metadata, ...shard.metadata };
    for (const [name, entry] of shard.tensors) {
      if (tensors.has(name))
        throw new CheckpointError(`${JSON.stringify(name)} is in both ${homes.get(name)} and ${file}`, { where, hint });
      tensors.set(name, entry);
      homes.set(name, file);
    }
  }
  const absent = [...weightMap].filter(([name, file]) => homes.get(name) !== file);
  if (absent.length > 0) {
    const lines = absent.map(([name, file]) => `${name} (${file})`);
    throw new CheckpointError(`${absent.length} tensors are not in the shard named for them: ${listSome(lines)}`, {
      where,
      hint,
    });
  }
  return { tensors, metadata };
}

export interface MatchOptions {
  /** From the checkpoint's name to the model's; `undefined` leaves the tensor out. */
  rename?: (name: string) => string | undefined;
  /** Names (the checkpoint's) that are known to be of no use to this model. */
  ignore?: (name: string) => boolean;
}

/**
 * Finds the tensor for every name that a model expects. One error lists everything that is missing, unexpected,
 * claimed twice or of another shape.
 */
export function matchNames(
  expected: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  checkpoint: Pick<Checkpoint, "name" | "tensors">,
  { rename = (name) => name, ignore = () => false }: MatchOptions = {},
): Map<string, TensorEntry> {
  const matches = new Map<string, TensorEntry>();
  const unexpected: string[] = [];
  const twice: string[] = [];
  const misshapen: string[] = [];
  for (const [source, entry] of checkpoint.tensors) {
    const name = ignore(source) ? undefined : rename(source);
    if (name === undefined) continue;
    const want = expected.get(name);
    const rival = matches.get(name);
    if (!want) unexpected.push(source);
    else if (rival) twice.push(`${name} (${rival.name} and ${source})`);
    else {
      matches.set(name, entry);
      if (want.shape.length !== entry.shape.length || want.shape.some((size, axis) => size !== entry.shape[axis]))
        misshapen.push(`${name}: expected [${want.shape.join(", ")}], got [${entry.shape.join(", ")}]`);
    }
  }
  const missing = [...expected.keys()].filter((name) => !matches.has(name));
  const faults = Object.entries({ missing, unexpected, "found twice": twice, "of another shape": misshapen });
  const lists = faults.filter(([, names]) => names.length > 0);
  if (lists.length === 0) return matches;
  const counts = lists.map(([fault, names]) => `${names.length} ${fault}`).join(", ");
  const details = lists.map(([fault, names]) => `\n  ${fault}: ${listSome(names)}`).join("");
  throw new CheckpointError(`the tensors do not fit the model: ${counts}${details}`, {
    where: checkpoint.name,
    hint: "this is a checkpoint of another model or version, or its config.json belongs to another one",
  });
}

/** The first names and a count of the rest, so that an error stays readable. */
export function listSome(names: readonly string[], limit = 12): string {
  const rest = names.length - limit;
  return names.slice(0, limit).join(", ") + (rest > 0 ? `, and ${rest} more` : "");
}
