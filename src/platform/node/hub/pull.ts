/** A model of a hub into the cache. */
import { stat, statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { listFiles, modelInfo } from "@huggingface/hub";
import { CancelledError, CheckpointError, DoesNotFitError } from "../../../base/errors.ts";
import { isThere } from "../files/is-there.ts";
import { makeFolder } from "../files/make-folder.ts";
import { ModelCache } from "./cache.ts";
import { type Choice, chooseFiles } from "./choose-files.ts";
import { type DownloadOptions, download } from "./download.ts";
import { withLock } from "./lock.ts";
import type { ModelId } from "./model-id.ts";
import { PassingError, refusal, unreachable } from "./refusals.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

export interface PullOptions extends Choice, Pick<DownloadOptions, "signal" | "pauses" | "patience"> {
  readonly settings?: HubSettings;
  /** Files at a time. */
  readonly parallel?: number;
}

export type PullEvent =
  /** What will be done, before a byte of it is. */
  | {
      readonly type: "plan";
      readonly files: readonly { readonly path: string; readonly size: number; readonly cached: boolean }[];
      readonly bytes: number;
      /** Of these, already here, in whole or in part. */
      readonly cachedBytes: number;
      readonly commit: string;
    }
  | { readonly type: "notice"; readonly text: string }
  | { readonly type: "progress"; readonly done: number; readonly of: number; readonly bytesPerSecond: number };

interface Listed {
  readonly path: string;
  readonly size: number;
  readonly hash: string;
}

/** Seconds over which the speed is measured, and between two reports. */
const window = 5;
const tick = 0.2;

/** Downloads what is missing; answers the folder that holds the model, all checked. */
export async function* pull(id: ModelId, options: PullOptions = {}): AsyncGenerator<PullEvent, string> {
  const settings = options.settings ?? (await hubSettings());
  if (settings.offline)
    throw new CheckpointError("nothing is downloaded: HF_HUB_OFFLINE is set", { where: id.name, hint: "unset it" });
  const hub = new Hub(settings, id, options);
  const commit = await hub.commit();
  const include = id.file === undefined ? options.include : [id.file];
  const chosen = chooseFiles(await hub.files(commit), { ...options, include }, id.name);
  const cache = new ModelCache(settings.cache, id);
  const states = await Promise.all(chosen.map((file) => stateOf(file, cache)));
  // Equal files are one blob.
  const blobs = [...new Map(states.map((state) => [state.file.hash, state])).values()];
  const total = blobs.reduce((sum, { file }) => sum + file.size, 0);
  const missing = blobs.reduce((sum, { left }) => sum + left, 0);
  const files = states.map(({ file, cached }) => ({ path: file.path, size: file.size, cached }));
  yield { type: "plan", files, bytes: total, cachedBytes: total - missing, commit };
  await checkSpace(settings.cache, missing, id);

  const notices: string[] = [];
  let done = blobs.reduce((sum, { file, cached }) => sum + (cached ? file.size : 0), 0);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const fetchOne = async (file: Listed): Promise<void> => {
    const target = cache.blob(file.hash);
    await withLock(
      cache.lock(file.hash),
      async () => {
        if (await isThere(target)) done += file.size;
        else
          await download(
            {
              asked: { ...id, revision: commit, file: file.path },
              size: file.size,
              hash: file.hash,
              partial: cache.partial(file.hash),
              target,
            },
            { ...options, settings, signal, onBytes: (change) => void (done += change) },
          );
      },
      { signal, onWait: () => notices.push(`another process downloads ${file.path}; waiting for it`) },
    );
  };
  const queue = blobs.filter(({ cached }) => !cached).map(({ file }) => file);
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file; file = queue.shift()) await fetchOne(file);
  };
  const workers = Array.from({ length: options.parallel ?? 4 }, worker);
  try {
    yield* report(Promise.all(workers), notices, () => done, total);
  } catch (cause) {
    if (options.signal?.aborted) throw new CancelledError("cancelled; what came so far is kept", { cause });
    throw cause;
  } finally {
    // Whatever ended this, a caller that lost interest too: their locks are given back.
    stop.abort();
    await Promise.allSettled(workers);
  }
  for (const { hash, path } of chosen) await cache.link(hash, commit, path);
  await cache.note(id.revision, commit);
  return cache.snapshot(commit);
}

/** Says how far it is until the work is done, or throws what it threw. */
async function* report(
  work: Promise<unknown>,
  notices: string[],
  done: () => number,
  of: number,
): AsyncGenerator<PullEvent> {
  let over = false;
  const end = work.finally(() => {
    over = true;
  });
  end.catch(() => {}); // thrown below
  const past = [{ time: performance.now(), done: done() }];
  while (!over) {
    await Promise.race([end, sleep(1000 * tick)]);
    for (let text = notices.shift(); text !== undefined; text = notices.shift()) yield { type: "notice", text };
    const now = { time: performance.now(), done: done() };
    past.push(now);
    while (past.length > window / tick) past.shift();
    const speed = (1000 * (now.done - past[0]!.done)) / Math.max(1, now.time - past[0]!.time);
    yield { type: "progress", done: Math.max(0, now.done), of, bytesPerSecond: Math.max(0, speed) };
  }
  await end;
}

async function stateOf(file: Listed, cache: ModelCache): Promise<{ file: Listed; cached: boolean; left: number }> {
  if (await isThere(cache.blob(file.hash))) return { file, cached: true, left: 0 };
  const partial = await stat(cache.partial(file.hash)).catch(() => undefined);
  return { file, cached: false, left: Math.max(0, file.size - (partial?.size ?? 0)) };
}

/** @throws DoesNotFitError before anything is fetched that would not fit */
async function checkSpace(folder: string, needed: number, { name }: ModelId): Promise<void> {
  await makeFolder(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (needed <= free) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  throw new DoesNotFitError(`${gigabytes(needed)} are to be downloaded, the disk has ${gigabytes(free)} free`, {
    where: name,
    hint: `free some space in ${folder}, or set HF_HOME to a folder on another disk`,
  });
}

/** What a hub says about a model, by the library, with refusals in our words. */
class Hub {
  readonly #settings: HubSettings;
  readonly #id: ModelId;
  readonly #fetch: typeof fetch;

  constructor(settings: HubSettings, id: ModelId, { signal, pauses = [1, 3] }: Pick<PullOptions, "signal" | "pauses">) {
    this.#settings = settings;
    this.#id = id;
    // The token goes in here: the library takes only those of one hub, which begin with "hf_".
    this.#fetch = async (input, init) => {
      const headers = new Headers(init?.headers);
      if (settings.token) headers.set("authorization", `Bearer ${settings.token}`);
      for (let tries = 0; ; tries++) {
        const answer = await fetch(input, { ...init, headers, signal: signal ?? null }).catch((cause: unknown) => {
          signal?.throwIfAborted();
          return unreachable(cause, id, settings);
        });
        if (answer instanceof Response && answer.ok) return answer;
        const error = answer instanceof Response ? refusal(answer, id, settings) : answer;
        const pause = pauses[tries];
        if (!(error instanceof PassingError) || pause === undefined) throw error;
        await sleep(1000 * Math.max(pause, error.wait), undefined, signal ? { signal } : {});
      }
    };
  }

  /** The commit that the revision is at. */
  async commit(): Promise<string> {
    const { name, revision } = this.#id;
    const info = await modelInfo({
      name,
      revision,
      additionalFields: ["sha"],
      hubUrl: this.#settings.endpoint,
      fetch: this.#fetch,
    });
    if (!/^[0-9a-f]{40}$/.test(info.sha))
      throw new CheckpointError("the hub's answer names no commit", { where: name, hint: "check HF_ENDPOINT" });
    return info.sha;
  }

  async files(commit: string): Promise<Listed[]> {
    const { name } = this.#id;
    const files: Listed[] = [];
    const options = {
      repo: name,
      revision: commit,
      recursive: true,
      hubUrl: this.#settings.endpoint,
      fetch: this.#fetch,
    };
    for await (const { type, path, size, oid, lfs } of listFiles(options)) {
      if (type !== "file") continue;
      const hash = lfs?.oid ?? oid ?? "";
      const isPath = !/(^|[/\\])\.\.?([/\\]|$)|^[/\\]|\\|^[A-Za-z]:|\0/.test(path);
      if (!isPath || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) || !Number.isSafeInteger(lfs?.size ?? size))
        throw new CheckpointError(`the hub lists a file that cannot be: ${JSON.stringify(path)}`, {
          where: name,
          hint: "check HF_ENDPOINT",
        });
      files.push({ path, hash, size: lfs?.size ?? size });
    }
    return files;
  }
}
