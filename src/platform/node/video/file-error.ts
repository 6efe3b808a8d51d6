import { MediaError } from "../../../base/errors.ts";

const meanings: Record<string, [message: string, hint?: string]> = {
  ENOSPC: ["the disk is full", "free some space, or write to another disk"],
  EDQUOT: ["the disk quota is used up", "free some space, or write to another disk"],
  EROFS: ["this file system is read-only", "write to another folder"],
  EACCES: ["no permission", "check who owns the folder, or name another one"],
  EPERM: ["no permission", "check who owns the folder, or name another one"],
  ENOENT: ["no such file or folder"],
  ENOTDIR: ["a part of this path is a file, not a folder"],
  EISDIR: ["this is a folder, a file was expected"],
  ENAMETOOLONG: ["the name is too long"],
  EMFILE: ["too many files are open"],
  EIO: ["the disk reports an error"],
};

/** What the operating system said about a file, in words; errors that are ours already pass unchanged. */
export function fileError(cause: unknown, path: string, doing: "read" | "write"): Error {
  if (cause instanceof Error && !("code" in cause)) return cause;
  const { code = "", message = String(cause) } = cause as NodeJS.ErrnoException;
  const [meaning, hint] = meanings[code] ?? [message];
  return new MediaError(`cannot ${doing}: ${meaning}`, { where: path, hint, cause });
}
