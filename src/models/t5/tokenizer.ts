import { CheckpointError, InputError } from "../../base/errors.ts";
import { JsonVocabulary, type TokenizerFile } from "./json-vocabulary.ts";
import { SentencePiece } from "./sentence-piece.ts";
import type { SentencePieceModel } from "./spiece-file.ts";

/** One prompt as a text encoder takes it: `ids` and `mask` have the fixed length asked for; the mask is 1 on tokens. */
export interface EncodedText {
  readonly ids: Int32Array;
  readonly mask: Int32Array;
  /** The prompt was longer and its end was left out. */
  readonly truncated: boolean;
}

/** What is read of a prompt at most, in UTF-16 units: far more than any encoder takes, and never slow. */
const maxCharacters = 2 ** 15;

/** What cuts text into pieces: SentencePiece's own model, or whatever a tokenizer.json describes. */
interface Vocabulary {
  readonly size: number;
  readonly unknownId: number;
  idOf(piece: string): number | undefined;
  idsOf(text: string): number[];
}

/**
 * Text to token ids as T5 wants them: pieces, then `</s>`, then padding on the right. The same class serves T5's own
 * Unigram vocabulary (`spiece.model` or `tokenizer.json`) and the small word vocabulary of `buildWordTokenizer`.
 */
export class TextTokenizer {
  readonly padId: number;
  readonly endId: number;
  readonly unknownId: number;
  readonly #vocabulary: Vocabulary;

  /**
   * `file` is a tokenizer.json, as text or parsed, or what a SentencePiece file says; `config` is the
   * tokenizer_config.json beside the former, if there is one.
   */
  constructor(
    file: string | TokenizerFile | SentencePieceModel,
    { config, name = "tokenizer.json" }: { config?: object; name?: string } = {},
  ) {
    const isSpiece = typeof file === "object" && file !== null && "pieces" in file;
    this.#vocabulary = isSpiece ? new SentencePiece(file, name) : new JsonVocabulary(file, { config, where: name });
    const end = this.#vocabulary.idOf("</s>");
    if (end === undefined)
      throw new CheckpointError("expected the token </s>, it has none", {
        where: name,
        hint: "the file is damaged or of another kind; download the tokenizer again",
      });
    this.endId = end;
    this.unknownId = this.#vocabulary.unknownId;
    this.padId = this.#vocabulary.idOf("<pad>") ?? 0;
  }

  /** Tokens that the vocabulary knows, added ones included. */
  get size(): number {
    return this.#vocabulary.size;
  }

  /** Exactly `maxLength` ids. A longer prompt keeps its first maxLength - 1 tokens and `</s>`. */
  encode(text: string, maxLength: number): EncodedText {
    if (!Number.isSafeInteger(maxLength) || maxLength < 1)
      throw new InputError(`the number of tokens must be a whole number from 1, got ${maxLength}`);
    const trimmed = stripped(text);
    const head = headOf(trimmed);
    const tokens = this.#idsOf(head);
    const kept = Math.min(tokens.length, maxLength - 1);
    const ids = new Int32Array(maxLength).fill(this.padId);
    ids.set(tokens.slice(0, kept));
    ids[kept] = this.endId;
    const mask = new Int32Array(maxLength).fill(1, 0, kept + 1);
    return { ids, mask, truncated: kept < tokens.length || head.length < trimmed.length };
  }

  /** The words of a prompt, as written, which the vocabulary has no token for; each once. */
  unknownWords(text: string): string[] {
    const words = headOf(text).match(/[^\s\p{P}](?:\S*[^\s\p{P}])?/gu) ?? [];
    return [...new Set(words)].filter((word) => this.#idsOf(word).includes(this.unknownId));
  }

  #idsOf(text: string): number[] {
    // Empty text is no tokens; some pre-tokenizers would make a lone space of it.
    return text === "" ? [] : this.#vocabulary.idsOf(text);
  }
}

/** As Python's `strip`, which the published pipelines use: JavaScript's `trim` knows one space more and five less. */
function stripped(text: string): string {
  const isSpace = (at: number): boolean => /[^\S\ufeff]/.test(text[at]!) || "\x1c\x1d\x1e\x1f\x85".includes(text[at]!);
  let [start, end] = [0, text.length];
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

/** The start of a very long text, cut between words where it has any, and never inside a character. */
function headOf(text: string): string {
  if (text.length <= maxCharacters) return text;
  const head = text.slice(0, maxCharacters);
  const lastSpace = head.search(/\s\S*$/);
  return lastSpace > 0 ? head.slice(0, lastSpace) : head.replace(/[\ud800-\udbff]$/, "");
}
