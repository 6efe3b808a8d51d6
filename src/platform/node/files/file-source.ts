import { type FileHandle, open, realpath } from "node:fs/promises";
import { CheckpointError } from "../../../base/errors.ts";
import { type ByteSource, checkRange } from "../../../weights/source.ts";

/** One read call moves less than 2 GiB on every platform. */
const maxReadBytes = 2 ** 30;

/** Opens a file for reading by range. The handle stays open until `close`. */
export async function fileSource(path: string): Promise<ByteSource> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const stat = await handle.stat();
    if (!stat.isFile()) throw Object.assign(new Error("not a file"), { code: "EISDIR" });
    return new OpenFile(path, await realpath(path), stat.size, handle);
  } catch (cause) {
    await handle?.close();
    throw fileError(path, cause);
  }
}

class OpenFile implements ByteSource {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;

  constructor(name: string, path: string, size: number, handle: FileHandle) {
    this.name = name;
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  async slice(start: number, end: number): Promise<Uint8Array> {
    checkRange(this, start, end);
    const bytes = new Uint8Array(end - start);
    let filled = 0;
    while (filled < bytes.byteLength) {
      const length = Math.min(maxReadBytes, bytes.byteLength - filled);
      const { bytesRead } = await this.#handle.read(bytes, filled, length, start + filled);
      if (bytesRead === 0)
        throw new CheckpointError(`the file ended at byte ${start + filled}, it had ${this.size}`, {
          where: this.name,
          hint: "something else is writing to the file",
        });
      filled += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const reasons: Readonly<Record<string, { message: string; hint: string }>> = {
  ENOENT: { message: "no such file or folder", hint: "check the path" },
  ENOTDIR: { message: "no such file or folder", hint: "check the path" },
  EISDIR: { message: "expected a file, got a folder or device", hint: "give the path of a file" },
  EACCES: { message: "reading it is not permitted", hint: "check the permissions of the file" },
};

/** A failed file operation in our words. */
export function fileError(path: string, cause: unknown): CheckpointError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const reason = reasons[code];
  return new CheckpointError(reason?.message ?? `cannot be read (${code || String(cause)})`, {
    where: path,
    cause,
    hint: reason?.hint,
  });
}
