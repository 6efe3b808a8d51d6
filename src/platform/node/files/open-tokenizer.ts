import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import { parseSpiece, type SentencePieceModel, spieceOfGguf } from "../../../models/t5/spiece-file.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { readGguf } from "../../../weights/gguf.ts";
import { fileSource } from "./file-source.ts";

/** The names that a tokenizer's file has, best first: the published tokenizer.json and spiece.model agree. */
export const tokenizerFiles = ["tokenizer.json", "spiece.model"] as const;

/** The tokenizer in a folder or file. @throws CheckpointError where there is none, or a damaged one */
export async function openTokenizer(folder: string): Promise<TextTokenizer> {
  if ((await stat(folder).catch(() => undefined))?.isFile()) return openTokenizerFile(folder);
  for (const name of tokenizerFiles) {
    const path = join(folder, name);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes) return tokenizerOf(bytes, path);
  }
  throw new CheckpointError("this model lacks its tokenizer", {
    where: folder,
    hint: `expected ${tokenizerFiles.join(" or ")}`,
  });
}

/** The tokenizer in a file: tokenizer.json, spiece.model, or the GGUF file of a T5. */
async function openTokenizerFile(path: string): Promise<TextTokenizer> {
  if (!path.endsWith(".gguf")) return tokenizerOf(await readFile(path), path);
  const vocabulary = await vocabularyOf(path);
  if (vocabulary) return new TextTokenizer(vocabulary, { name: path });
  throw new CheckpointError("this file holds no tokenizer", { where: path, hint: "name a folder that has one" });
}

/** Whether a weights file brings its tokenizer along, as GGUF files of llama.cpp do. */
export const holdsTokenizer = async (path: string): Promise<boolean> =>
  path.endsWith(".gguf") && (await vocabularyOf(path)) !== undefined;

async function vocabularyOf(path: string): Promise<SentencePieceModel | undefined> {
  const source = await fileSource(path);
  try {
    return spieceOfGguf((await readGguf(source)).fields);
  } finally {
    await source.close?.();
  }
}

const tokenizerOf = (bytes: Uint8Array, path: string): TextTokenizer =>
  basename(path).endsWith(".json")
    ? new TextTokenizer(new TextDecoder().decode(bytes), { name: path })
    : new TextTokenizer(parseSpiece(bytes, path), { name: path });
