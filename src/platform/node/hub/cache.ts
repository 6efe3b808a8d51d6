/** The hub's cache on disk, shared with the Python tools: blobs by their hash, snapshots of links to them, refs. */
import { copyFile, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { writeFileAtomically } from "../files/atomic-file.ts";
import { isThere } from "../files/is-there.ts";
import { makeFolder } from "../files/make-folder.ts";
import { weightModules } from "./choose-files.ts";
import type { ModelId } from "./model-id.ts";

export class ModelCache {
  readonly #root: string;
  readonly #name: string;

  constructor(cache: string, { name }: Pick<ModelId, "name">) {
    this.#name = `models--${name.replace("/", "--")}`;
    this.#root = cache;
  }

  get #folder(): string {
    return join(this.#root, this.#name);
  }

  blob = (hash: string): string => join(this.#folder, "blobs", hash);

  /** What has come of a blob; a name of ours, because other tools write to names of theirs. */
  partial = (hash: string): string => `${this.blob(hash)}.turbo2k.incomplete`;

  lock = (hash: string): string => join(this.#root, ".locks", this.#name, `${hash}.turbo2k.lock`);

  snapshot = (commit: string): string => join(this.#folder, "snapshots", commit);

  /** The commit that a branch or tag had when it was last asked for; a commit is its own. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (/^[0-9a-f]{40}$/.test(revision)) return (await isThere(this.snapshot(revision))) ? revision : undefined;
    const commit = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => undefined);
    return commit && /^[0-9a-f]{40}$/.test(commit.trim()) ? commit.trim() : undefined;
  }

  async note(revision: string, commit: string): Promise<void> {
    if (revision !== commit)
      await writeFileAtomically(join(this.#folder, "refs", revision), [new TextEncoder().encode(commit)]);
  }

  /** Gives a blob its name in a snapshot: a link, or a copy where the disk knows no links. */
  async link(hash: string, commit: string, path: string): Promise<void> {
    const target = join(this.snapshot(commit), path);
    await makeFolder(dirname(target));
    if (await isThere(target)) return;
    const made = `${target}.${process.pid}.new`;
    await rm(made, { force: true });
    await symlink(relative(dirname(target), this.blob(hash)), made).catch(() => copyFile(this.blob(hash), made));
    await rename(made, target);
  }
}

/** Whether a snapshot has all that its model_index.json lists and that is used: nothing is asked of the network. */
export async function isWholePipeline(folder: string): Promise<boolean> {
  const listed = await readJson(join(folder, "model_index.json"));
  const checks = weightModules.filter((name) => name in listed).map((name) => hasWeights(join(folder, name)));
  const hasTokenizer = async (): Promise<boolean> =>
    (await isThere(join(folder, "tokenizer", "tokenizer.json"))) || isThere(join(folder, "tokenizer", "spiece.model"));
  if ("tokenizer" in listed) checks.push(hasTokenizer());
  return checks.length > 0 && (await Promise.all(checks)).every(Boolean);
}

async function hasWeights(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => [] as string[]);
  if (!names.includes("config.json")) return false;
  const index = names.find((name) => /\.safetensors\.index(\.\w+)?\.json$/.test(name));
  const single = names.some((name) => /\.(safetensors|gguf)$/.test(name) && !/-\d+-of-\d+\./.test(name));
  if (single || index === undefined) return single && (await allReadable(folder, names));
  const shards = new Set(
    Object.values(((await readJson(join(folder, index)))["weight_map"] ?? {}) as Record<string, string>),
  );
  return shards.size > 0 && (await allReadable(folder, [...shards]));
}

/** Links whose blob has gone do not count. */
async function allReadable(folder: string, names: readonly string[]): Promise<boolean> {
  return (await Promise.all(names.map((name) => isThere(join(folder, name))))).every(Boolean);
}

/** An object, empty where the file is missing or damaged: who opens it will say so. */
async function readJson(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return Object(JSON.parse(await readFile(path, "utf8"))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
