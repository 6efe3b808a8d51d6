/**
 * SentencePiece's compiled character map: a double-array trie from byte strings to byte strings. It holds what a
 * vocabulary's training did to its text (NFKC, odd spaces, …), so that prompts are treated alike.
 *
 * Layout: four bytes with the trie's size, the trie, then the replacements, each ended by a zero byte. A trie unit has
 * 32 bits: the offset to its children from bit 10 (times 256 where bit 9 is set), bit 8 for "a key ends here", the
 * label in bits 0 to 7; of a value unit the lower 31 bits are the place of the replacement (Yata's darts-clone).
 */
import { CheckpointError } from "../../base/errors.ts";

export interface Replacement {
  /** Bytes of the input that are replaced. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

export class Charsmap {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;

  /** @throws CheckpointError for anything but a compiled map */
  constructor(blob: Uint8Array, where: string) {
    const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
    const size = blob.byteLength >= 4 ? view.getUint32(0, true) : 0;
    if (size === 0 || size % 4 || 4 + size > blob.byteLength)
      throw new CheckpointError(`the character map is damaged: a trie of ${size} in ${blob.byteLength} bytes`, {
        where,
        hint: "download the tokenizer again",
      });
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#replacements = blob.subarray(4 + size);
  }

  /** The replacement of the longest key that `input` begins with at `at`. */
  longest(input: Uint8Array, at: number): Replacement | undefined {
    let found: Replacement | undefined;
    for (const match of this.#matches(input, at)) found = match;
    return found;
  }

  /** The replacement of the shortest one, which is what the tokenizers library takes. */
  shortest(input: Uint8Array): Replacement | undefined {
    for (const match of this.#matches(input, 0)) return match;
    return undefined;
  }

  *#matches(input: Uint8Array, at: number): Generator<Replacement> {
    const units = this.#units;
    let node = offset(units[0]!);
    for (let i = at; i < input.length; i++) {
      node ^= input[i]!;
      const unit = units[node];
      if (unit === undefined || (unit & 0x800000ff) !== input[i]!) return;
      node ^= offset(unit);
      if ((unit >>> 8) & 1) {
        const start = (units[node] ?? 0) & 0x7fffffff;
        const end = this.#replacements.indexOf(0, start);
        yield { length: i + 1 - at, bytes: this.#replacements.subarray(start, end < 0 ? start : end) };
      }
    }
  }
}

const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
