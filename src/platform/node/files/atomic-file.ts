import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DoesNotFitError, TurboError } from "../../../base/errors.ts";
import { type Metadata, streamSafetensors, type Tensors } from "../../../weights/safetensors-writer.ts";
import { makeFolder } from "./make-folder.ts";

let counter = 0;

/**
 * Writes a file so that its name never holds half of it: the chunks go to a temporary file beside it, which takes the
 * name only when all of them are on disk. On any failure or abort the temporary file is removed and the old one stays.
 */
export async function writeFileAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<void> {
  const folder = dirname(path);
  const partial = join(folder, `.${basename(path)}.${process.pid}-${counter++}.partial`);
  let handle: FileHandle | undefined;
  try {
    await makeFolder(folder);
    handle = await open(partial, "wx");
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      await writeAll(handle, chunk);
    }
    await handle.sync();
    await handle.close();
    handle = undefined;
    signal?.throwIfAborted();
    await rename(partial, path);
  } catch (cause) {
    await handle?.close().catch(() => {});
    await rm(partial, { force: true }).catch(() => {});
    throw writeError(path, cause);
  }
}

/** Writes tensors to a .safetensors file, atomically; tensors given as functions are made one at a time. */
export async function writeSafetensorsFile(
  path: string,
  tensors: Tensors,
  { metadata, signal }: { metadata?: Metadata; signal?: AbortSignal } = {},
): Promise<void> {
  await writeFileAtomically(path, streamSafetensors(tensors, metadata), { signal });
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    // One write call moves less than 2 GiB on every platform.
    const length = Math.min(2 ** 30, chunk.byteLength - written);
    written += (await handle.write(chunk, written, length)).bytesWritten;
  }
}

/** Failures of the file system in our words; anything else (a tensor that could not be made, an abort) as it is. */
function writeError(path: string, cause: unknown): unknown {
  switch ((cause as NodeJS.ErrnoException).code) {
    case "ENOSPC":
    case "EDQUOT":
      return new DoesNotFitError("the disk is full", {
        where: path,
        cause,
        hint: "free some space or choose another folder",
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TurboError("failure", "writing here is not permitted", {
        where: path,
        cause,
        hint: "choose another folder",
      });
    case "EISDIR":
    case "ENOTDIR":
    case "EEXIST":
      return new TurboError("failure", "a folder or file is in the way", {
        where: path,
        cause,
        hint: "choose another name",
      });
    default:
      return cause;
  }
}
