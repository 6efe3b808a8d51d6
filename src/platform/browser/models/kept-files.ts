/** Files of a web server, kept in the browser's cache: a model comes over the network once. */
import { CheckpointError } from "../../../base/errors.ts";
import { type ModelFiles, modelFilesName, parseModelFiles } from "../../../schema/model-files.ts";

export interface DownloadProgress {
  /** Bytes at hand, and in all. */
  readonly done: number;
  readonly of: number;
  /** Some of them came over the network, not from the browser's cache. */
  readonly downloading: boolean;
}

export interface KeepOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

export interface KeptFiles {
  readonly files: ModelFiles;
  /** By path below the folder. A blob is read from where the browser keeps it, slice by slice. */
  readonly blobs: ReadonlyMap<string, Blob>;
}

const cacheName = "turbo2k-models";
/** Larger files are known by their size alone: the browser's hash function wants all bytes in memory at once. */
const hashedBytes = 2 ** 28;

/** Every file of the model's folder, which has a `files.json`. */
export async function keepFiles(folder: URL, { signal, onProgress }: KeepOptions = {}): Promise<KeptFiles> {
  // Without https (or localhost) there is no cache: then files come anew with every visit.
  const cache = globalThis.caches ? await caches.open(cacheName) : undefined;
  const files = await listOf(new URL(modelFilesName, folder), cache, signal);
  const blobs = new Map<string, Blob>();
  const of = files.files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  let downloading = false;
  for (const { path, bytes, sha256 } of files.files) {
    const url = new URL(path, folder);
    url.searchParams.set("sha256", sha256); // so that nobody on the way hands out an older file
    let blob = await (await cache?.match(url))?.blob();
    if (blob?.size !== bytes) {
      downloading = true;
      const report = (read: number) => onProgress?.({ done: done + read, of, downloading });
      blob = await download(url, signal, report);
      await check(blob, { path, bytes, sha256 }, url);
      await keep(cache, url, blob);
    }
    blobs.set(path, blob);
    done += bytes;
    onProgress?.({ done, of, downloading });
  }
  return { files, blobs };
}

/** The list as it is now; the one of the last visit where the server cannot be reached. */
async function listOf(url: URL, cache: Cache | undefined, signal?: AbortSignal): Promise<ModelFiles> {
  const where = url.href;
  try {
    const text = await (await request(url, { cache: "no-cache", signal: signal ?? null })).text();
    const files = parseModelFiles(text, where);
    await cache?.put(url, new Response(text)).catch(() => {});
    return files;
  } catch (cause) {
    signal?.throwIfAborted();
    const kept = await cache?.match(url);
    if (!kept || !(cause instanceof Unreachable)) throw cause;
    return parseModelFiles(await kept.text(), where);
  }
}

class Unreachable extends CheckpointError {}

async function request(url: URL, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new Unreachable("the model's files cannot be reached", {
      where: url.href,
      cause,
      hint: "check the connection",
    });
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw new CheckpointError(`the server answered ${response.status} for a file of the model`, {
    where: url.href,
    hint: "the model's folder must lie beside the page: turbo2k studio --export writes both",
  });
}

async function download(url: URL, signal: AbortSignal | undefined, report: (bytes: number) => void): Promise<Blob> {
  const response = await request(url, { signal: signal ?? null });
  let read = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      report((read += chunk.byteLength));
      controller.enqueue(chunk);
    },
  });
  try {
    return await new Response(response.body?.pipeThrough(count)).blob();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Unreachable("the download broke off", { where: url.href, cause, hint: "try again" });
  }
}

async function check(blob: Blob, { path, bytes, sha256 }: ModelFiles["files"][number], url: URL): Promise<void> {
  const hint = "the page and the model's files belong to different versions; reload, or export them again";
  if (blob.size !== bytes)
    throw new CheckpointError(`${path} has ${blob.size} bytes, ${bytes} were expected`, { where: url.href, hint });
  if (!globalThis.crypto.subtle || bytes > hashedBytes) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256)
    throw new CheckpointError(`${path} is not the file that files.json names`, { where: url.href, hint });
}

/** In place of older versions. A full disk only means that the file comes again next time. */
async function keep(cache: Cache | undefined, url: URL, blob: Blob): Promise<void> {
  if (!cache) return;
  try {
    await cache.delete(url, { ignoreSearch: true });
    await cache.put(url, new Response(blob));
  } catch {
    await cache.delete(url).catch(() => false);
  }
}
