import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";

/** Captions as token numbers [B, T] and their mask. */
export function wordsOf(
  captions: readonly string[],
  words: number,
  tokenizer: TextTokenizer,
): { ids: HostTensor; mask: HostTensor } {
  const encoded = captions.map((caption) => tokenizer.encode(caption, words));
  const shape = [captions.length, words];
  return {
    ids: hostTensor(Int32Array.from(encoded.flatMap(({ ids }) => [...ids])), shape),
    mask: hostTensor(Float32Array.from(encoded.flatMap(({ mask }) => [...mask])), shape),
  };
}
