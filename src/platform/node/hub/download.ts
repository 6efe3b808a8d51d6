/**
 * One file of a hub to disk: from where the last try stopped, checked, and named only when it is whole.
 *
 * @huggingface/hub gives what a repository holds; its own download begins anew after a cut, checks no hash, tells no
 * progress and does not mind a second process, so the bytes are fetched here.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CheckpointError, DoesNotFitError } from "../../../base/errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { type Asked, PassingError, refusal, unreachable } from "./refusals.ts";
import type { HubSettings } from "./settings.ts";

export interface Download {
  readonly asked: Asked & { readonly file: string };
  readonly size: number;
  /** SHA-256 of the content, or Git's SHA-1 of it as a blob. */
  readonly hash: string;
  readonly partial: string;
  readonly target: string;
}

export interface DownloadOptions {
  readonly settings: HubSettings;
  readonly signal?: AbortSignal | undefined;
  /** Bytes more (or, where a try begins anew, fewer) than before. */
  readonly onBytes: (change: number) => void;
  /** Seconds between tries that bring nothing; after the last one it is given up. */
  readonly pauses?: readonly number[];
  /** Seconds without a byte after which a connection counts as dead. */
  readonly patience?: number;
}

const defaultPauses = [1, 2, 4, 8, 15];

/** @throws CheckpointError where the content is not what the hub lists; TurboError for refusals, after some patience */
export async function download(file: Download, options: DownloadOptions): Promise<void> {
  const { signal, pauses = defaultPauses } = options;
  await makeFolder(dirname(file.partial));
  for (let failures = 0; ; ) {
    const before = await sizeOf(file.partial);
    try {
      await attempt(file, options);
      return;
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof PassingError)) throw cause;
      failures = (await sizeOf(file.partial)) > before ? 0 : failures + 1;
      const pause = pauses[Math.max(0, failures - 1)];
      if (pause === undefined) throw cause;
      await sleep(1000 * Math.max(pause, cause.wait), undefined, signal ? { signal } : {});
    }
  }
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

async function attempt(file: Download, options: DownloadOptions): Promise<void> {
  const handle = await open(file.partial, "a+");
  try {
    const resumed = await resume(file, handle, options);
    if (resumed.hash.digest("hex") !== file.hash) {
      await handle.truncate(0);
      options.onBytes(-file.size);
      const message = `${file.asked.file}: what came is not what the hub lists (wrong checksum)`;
      // The part from an earlier try may be at fault: once more from the beginning.
      if (resumed.from > 0) throw new PassingError(message, { where: file.asked.name });
      await handle.close();
      await rm(file.partial, { force: true });
      throw new CheckpointError(message, {
        where: file.asked.name,
        hint: "try again; if it stays so, something between here and the hub alters files",
      });
    }
    await handle.sync();
  } finally {
    await handle.close().catch(() => {});
  }
  await rename(file.partial, file.target);
}

/** Fetches what is missing; answers the hash of the whole and where it began. */
async function resume(
  file: Download,
  handle: FileHandle,
  options: DownloadOptions,
): Promise<{ hash: Hash; from: number }> {
  const { size, partial } = file;
  let from = (await handle.stat()).size;
  if (from > size) {
    await handle.truncate((from = 0));
  }
  const hash = hashFor(file);
  if (from > 0)
    for await (const chunk of createReadStream(partial, { end: from - 1, signal: options.signal }))
      hash.update(chunk as Buffer);
  options.onBytes(from);
  if (from === size) return { hash, from };
  const timer = new IdleTimer(options.patience ?? 60);
  let have = from;
  try {
    const response = await request(file, from, timer, options);
    if (response.status !== 206 && from > 0) {
      await response.body?.cancel();
      await handle.truncate(0);
      throw new PassingError("the server does not go on where it stopped", { where: file.asked.name });
    }
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      timer.restart();
      if (have + chunk.byteLength > size)
        throw new CheckpointError(`${file.asked.file} is longer than the hub lists`, { where: file.asked.name });
      await write(handle, chunk, file);
      hash.update(chunk);
      have += chunk.byteLength;
      options.onBytes(chunk.byteLength);
    }
    if (have < size) throw new Error(`the connection ended after ${have} of ${size} bytes`);
    return { hash, from };
  } catch (cause) {
    options.onBytes(-have); // the next try counts what is kept
    options.signal?.throwIfAborted();
    if (cause instanceof CheckpointError || cause instanceof DoesNotFitError || cause instanceof PassingError)
      throw cause;
    throw unreachable(timer.expired ? new Error("it stopped sending") : cause, file.asked, options.settings);
  } finally {
    timer.stop();
  }
}

async function request(
  file: Download,
  from: number,
  timer: IdleTimer,
  { settings, signal }: DownloadOptions,
): Promise<Response> {
  const { name, revision, file: path } = file.asked;
  const address = `${settings.endpoint}/${name}/resolve/${encodeURIComponent(revision)}/${path.split("/").map(encodeURIComponent).join("/")}`;
  const response = await fetch(address, {
    headers: {
      // Without this a server may compress, and ranges would count other bytes.
      "accept-encoding": "identity",
      ...(settings.token ? { authorization: `Bearer ${settings.token}` } : {}),
      ...(from > 0 ? { range: `bytes=${from}-` } : {}),
    },
    signal: signal ? AbortSignal.any([signal, timer.signal]) : timer.signal,
  });
  if (response.ok) return response;
  await response.body?.cancel();
  throw refusal(response, file.asked, settings);
}

async function write(handle: FileHandle, chunk: Uint8Array, { target }: Download): Promise<void> {
  try {
    await handle.appendFile(chunk);
  } catch (cause) {
    if (!/^(ENOSPC|EDQUOT)$/.test((cause as NodeJS.ErrnoException).code ?? "")) throw cause;
    throw new DoesNotFitError("the disk is full", {
      where: target,
      cause,
      hint: "free some space, or set HF_HOME to a folder on another disk; what came so far is kept",
    });
  }
}

/** Git hashes a header with the content; LFS only the content. */
function hashFor({ hash, size }: Download): Hash {
  if (hash.length === 64) return createHash("sha256");
  return createHash("sha1").update(`blob ${size}\0`);
}

/** Aborts when nothing has come for a while. */
class IdleTimer {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(seconds: number) {
    this.#milliseconds = 1000 * seconds;
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get expired(): boolean {
    return this.signal.aborted;
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
