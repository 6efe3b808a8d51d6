import { CheckpointError, UnsupportedError } from "../base/errors.ts";

/** Bytes somewhere, readable by range: a file, a Blob, a URL, memory. Readers ask for slices and never for the whole. */
export interface ByteSource {
  /** What errors call it: a path, a URL, a file name. */
  readonly name: string;
  readonly size: number;
  /** A real file that a runtime may map directly. */
  readonly path?: string;
  /** The bytes [start, end); a range outside the source, or fewer bytes than asked for, is an error. */
  slice(start: number, end: number): Promise<Uint8Array>;
  close?(): Promise<void>;
}

/** Throws unless [start, end) lies within the source; every source calls it first. */
export function checkRange(source: Pick<ByteSource, "name" | "size">, start: number, end: number): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || end < start || end > source.size)
    throw new CheckpointError(`bytes ${start} to ${end} were asked for, it has ${source.size}`, {
      where: source.name,
      hint: "the file is truncated or damaged; download it again",
    });
}

/** A source over bytes that are already in memory; slices are views, not copies. */
export function memorySource(bytes: Uint8Array, name = "memory"): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    async slice(start, end) {
      checkRange(this, start, end);
      return bytes.subarray(start, end);
    },
  };
}

/** A source over a Blob or a File that the user picked in a page. */
export function blobSource(blob: Blob, name = "name" in blob ? String(blob.name) : "blob"): ByteSource {
  return {
    name,
    size: blob.size,
    async slice(start, end) {
      checkRange(this, start, end);
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
  };
}

export interface HttpSourceOptions {
  fetch?: typeof fetch;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * A source over a URL by range requests. The size comes from a first request of one byte: unlike HEAD it also works
 * with addresses that are signed for GET. A file that changes on the server between two slices is an error.
 */
export async function httpSource(url: string, options: HttpSourceOptions = {}): Promise<ByteSource> {
  const first = await requestRange(url, 0, 1, options);
  const size = totalSize(first);
  const tag = first.headers.get("etag");
  await first.body?.cancel();
  if (size === undefined)
    throw new UnsupportedError("the server does not tell the size of the file", {
      where: url,
      hint: "download the file and open it from disk",
    });
  const source: ByteSource = {
    name: url,
    size,
    async slice(start, end) {
      checkRange(this, start, end);
      if (start === end) return new Uint8Array(0);
      const response = await requestRange(url, start, end, options);
      if (response.headers.get("etag") !== tag || totalSize(response) !== size) {
        await response.body?.cancel();
        throw new CheckpointError("the file changed on the server while it was read", {
          where: url,
          hint: "start again",
        });
      }
      const bytes = await attempt(url, options, async () => new Uint8Array(await response.arrayBuffer()));
      if (bytes.byteLength !== end - start)
        throw new CheckpointError(`asked for ${end - start} bytes from ${start}, got ${bytes.byteLength}`, {
          where: url,
          hint: "the connection broke off or a proxy altered the answer; try again",
        });
      return bytes;
    },
  };
  return source;
}

async function requestRange(url: string, start: number, end: number, options: HttpSourceOptions): Promise<Response> {
  const headers = { ...options.headers, range: `bytes=${start}-${end - 1}` };
  const response = await attempt(url, options, () =>
    (options.fetch ?? fetch)(url, { headers, signal: options.signal ?? null }),
  );
  if (response.status === 206) return response;
  await response.body?.cancel();
  if (response.status === 200)
    throw new UnsupportedError("the server ignores range requests and would send the whole file", {
      where: url,
      hint: "download the file and open it from disk",
    });
  if (response.status === 416) throw new CheckpointError("the file on the server is empty", { where: url });
  const denied = response.status === 401 || response.status === 403;
  throw new CheckpointError(`the server answered ${response.status} ${response.statusText}`.trimEnd(), {
    where: url,
    hint: denied ? "the model needs an access token or its licence accepted" : "check the address",
  });
}

/** Network failures as errors of ours; a request that the caller aborted keeps the caller's reason. */
async function attempt<T>(url: string, options: HttpSourceOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new CheckpointError("the server cannot be reached", { where: url, cause, hint: "check the connection" });
  }
}

/** From `Content-Range: bytes 0-0/1234`; a server that keeps the total to itself writes `*`. */
function totalSize(response: Response): number | undefined {
  const total = /\/(\d+)\s*$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}
