import { DoesNotFitError, InputError, MediaError } from "../../../base/errors.ts";

const meanings: Record<string, [message: string, hint?: string]> = {
  EROFS: ["this file system is read-only", "write to another folder"],
  EACCES: ["no permission", "check who owns the folder, or name another one"],
  EPERM: ["no permission", "check who owns the folder, or name another one"],
  ENOENT: ["no such file or folder"],
  ENOTDIR: ["a part of this path is a file, not a folder"],
  EEXIST: ["a part of this path is a file, not a folder"],
  EISDIR: ["this is a folder, a file was expected"],
  ENAMETOOLONG: ["the name is too long"],
  EMFILE: ["too many files are open"],
  EIO: ["the disk reports an error"],
};

/** Codes that speak of the device, not of the path that was named. */
const faults: readonly string[] = ["EIO", "EMFILE"];

/** What the operating system said about a file, in words; errors that are ours already pass unchanged. */
export function fileError(cause: unknown, path: string, doing: "read" | "write"): Error {
  if (cause instanceof Error && !("code" in cause)) return cause;
  const { code = "", message = String(cause) } = cause as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new DoesNotFitError("cannot write: the disk is full", {
      where: path,
      hint: "free some space, or write to another disk",
      cause,
    });
  const [meaning, hint] = meanings[code] ?? [message];
  const Kind = doing === "read" && code in meanings && !faults.includes(code) ? InputError : MediaError;
  return new Kind(`cannot ${doing}: ${meaning}`, { where: path, hint, cause });
}
