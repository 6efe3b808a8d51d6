import { CheckpointError } from "../base/errors.ts";

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  bytes.length >= text.length && Array.from(text, (c) => c.charCodeAt(0)).every((code, at) => bytes[at] === code);

const pickleReason = "a pickle can run any code when it is opened, so this format is not read";
const pickleHint = "use the .safetensors version of the model, or convert it in the framework that wrote it";

/** Things that are often found in place of a safetensors file, each with what to tell the user. */
const impostors: readonly { is: (bytes: Uint8Array) => boolean; message: string; hint: string }[] = [
  {
    is: (bytes) => startsWith(bytes, "PK\u0003\u0004"),
    message: `this is a zip archive, as PyTorch writes with pickles inside; ${pickleReason}`,
    hint: pickleHint,
  },
  {
    is: (bytes) => bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5,
    message: `this is a Python pickle; ${pickleReason}`,
    hint: pickleHint,
  },
  {
    is: (bytes) => startsWith(bytes, "GGUF"),
    message: "this is a GGUF file, not safetensors",
    hint: "give the .safetensors version of the model",
  },
  {
    is: (bytes) => startsWith(bytes, "version https://git-lfs"),
    message: "this is a Git LFS pointer, not the file itself",
    hint: "run `git lfs pull` in the folder, or download the file",
  },
  {
    is: (bytes) => startsWith(bytes, "<!") || startsWith(bytes, "<html"),
    message: "this is a web page, not a model: the download gave an error page or the page around the file",
    hint: "download the file itself (on a hub: the `resolve` address, not `blob`)",
  },
];

/**
 * The error for a file which is known not to be safetensors, if its first bytes say what it is instead. Only for
 * files that already failed to parse: a sound header of 640 bytes starts like a pickle.
 */
export function impostorError(where: string, firstBytes: Uint8Array): CheckpointError | undefined {
  const found = impostors.find(({ is }) => is(firstBytes));
  return found && new CheckpointError(found.message, { where, hint: found.hint });
}

/** Throws for names that only pickles have, before anything is read. */
export function refusePickleName(name: string): void {
  const extension = /\.(ckpt|bin|pth?|pkl|pickle)$/i.exec(name)?.[0];
  if (extension)
    throw new CheckpointError(`${extension} files hold pickles; ${pickleReason}`, { where: name, hint: pickleHint });
}
