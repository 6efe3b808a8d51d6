import { Tokenizer } from "@huggingface/tokenizers";
import { CheckpointError, InputError } from "../../base/errors.ts";

/** The parsed content of a `tokenizer.json`, the format of Hugging Face's tokenizers library. */
export interface TokenizerFile {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly post_processor: object | null;
  readonly decoder: object | null;
  readonly model: {
    readonly type?: string;
    readonly vocab: readonly (readonly [string, number])[] | Readonly<Record<string, number>>;
    readonly unk_id?: number | null;
    readonly unk_token?: string | null;
  };
}

/** One prompt as a text encoder takes it: `ids` and `mask` have the fixed length asked for; the mask is 1 on tokens. */
export interface EncodedText {
  readonly ids: Int32Array;
  readonly mask: Int32Array;
  /** The prompt was longer and its end was left out. */
  readonly truncated: boolean;
}

/** What is read of a prompt at most, in UTF-16 units: far more than any encoder takes, and never slow. */
const maxCharacters = 2 ** 15;

/**
 * Text to token ids as T5 wants them: pieces, then `</s>`, then padding on the right. The same class serves T5's own
 * Unigram vocabulary and the small word vocabulary of `buildWordTokenizer`.
 *
 * The library stands in for a Precompiled character map (which T5 has) with NFKC and SentencePiece's rules for
 * control characters and spaces: equal on all but a few rare compatibility characters, and the identity on ASCII.
 */
export class TextTokenizer {
  readonly padId: number;
  readonly endId: number;
  readonly unknownId: number;
  readonly #tokenizer: Tokenizer;

  /** `file` is a tokenizer.json, as text or parsed; `config` is the tokenizer_config.json beside it, if there is one. */
  constructor(
    file: string | TokenizerFile,
    { config, name = "tokenizer.json" }: { config?: object; name?: string } = {},
  ) {
    const where = name;
    const hint = "the file is damaged or of another kind; download the tokenizer again";
    const fail = (message: string, cause?: unknown) => new CheckpointError(message, { where, hint, cause });
    const parsed = parseFile(file, fail);
    const { model } = parsed;
    try {
      // For word models the library looks for the unknown token in the config only.
      const unknown = typeof model.unk_token === "string" ? { unk_token: model.unk_token } : {};
      this.#tokenizer = new Tokenizer(
        { ...parsed, added_tokens: parsed.added_tokens ?? [] },
        { ...config, ...unknown },
      );
    } catch (cause) {
      throw fail(`cannot be used: ${(cause as Error).message}`, cause);
    }
    const idOf = (token: string): number | undefined => this.#tokenizer.token_to_id(token);
    const end = idOf("</s>");
    const unknown = model.unk_id ?? idOf(model.unk_token ?? "<unk>");
    if (end === undefined) throw fail("expected the token </s>, it has none");
    if (unknown === undefined) throw fail("expected a token for unknown text, it has none");
    this.endId = end;
    this.unknownId = unknown;
    this.padId = idOf("<pad>") ?? 0;
  }

  /** Tokens that the vocabulary knows, added ones included. */
  get size(): number {
    return this.#tokenizer.get_vocab().size;
  }

  /** Exactly `maxLength` ids. A longer prompt keeps its first maxLength - 1 tokens and `</s>`. */
  encode(text: string, maxLength: number): EncodedText {
    if (!Number.isSafeInteger(maxLength) || maxLength < 1)
      throw new InputError(`the number of tokens must be a whole number from 1, got ${maxLength}`);
    const trimmed = text.trim();
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
    if (text === "") return [];
    try {
      return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
    } catch (cause) {
      // The library spreads all pieces into one call; characters that normalisation expands 18-fold exceed its limit.
      throw new InputError("the prompt expands to too many characters", { cause, hint: "shorten the prompt" });
    }
  }
}

function parseFile(file: string | TokenizerFile, fail: (message: string, cause?: unknown) => Error): TokenizerFile {
  let parsed: unknown = file;
  try {
    if (typeof file === "string") parsed = JSON.parse(file);
  } catch (cause) {
    throw fail("not JSON", cause);
  }
  const model = (parsed as Partial<TokenizerFile> | null)?.model;
  if (typeof model !== "object" || typeof model?.vocab !== "object" || model.vocab === null)
    throw fail("expected a tokenizer with a model and its vocab");
  return parsed as TokenizerFile;
}

/** The start of a very long text, cut between words where it has any, and never inside a character. */
function headOf(text: string): string {
  if (text.length <= maxCharacters) return text;
  const head = text.slice(0, maxCharacters);
  const lastSpace = head.search(/\s\S*$/);
  return lastSpace > 0 ? head.slice(0, lastSpace) : head.replace(/[\ud800-\udbff]$/, "");
}

/**
 * A tokenizer.json for a closed vocabulary: one token a word, in lower case, numbered from 3 in the order given (0 is
 * padding, 1 the end, 2 unknown). Punctuation that is not among the words is ignored rather than unknown.
 */
export function buildWordTokenizer(words: readonly string[]): TokenizerFile {
  const special = ["<pad>", "</s>", "<unk>"];
  const unique = new Set(words);
  for (const word of words) {
    const isWord = /^(?:[^\s\p{P}\p{Lu}]+|\p{P})$/u.test(word) && word === word.normalize("NFKC").toLowerCase();
    if (!isWord)
      throw new InputError(`${JSON.stringify(word)} cannot be a word of the vocabulary`, {
        hint: "words are in lower case, without spaces or punctuation inside; a punctuation mark is a word of its own",
      });
  }
  if (unique.size < words.length)
    throw new InputError(`the vocabulary has a word twice: ${words.find((word, at) => words.indexOf(word) !== at)}`);
  const marks = [...unique].filter((word) => /^\p{P}$/u.test(word)).map((mark) => `\\${mark}`);
  const otherMarks = marks.length > 0 ? `(?![${marks.join("")}])\\p{P}` : "\\p{P}";
  const ending = { SpecialToken: { id: "</s>", type_id: 0 } };
  return {
    added_tokens: special.map((content, id) => ({ ...addedToken, id, content })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFKC" },
        { type: "Lowercase" },
        { type: "Replace", pattern: { Regex: otherMarks }, content: " " },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "WhitespaceSplit" },
        { type: "Split", pattern: { Regex: "\\p{P}" }, behavior: "Isolated", invert: false },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }, ending],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, ending, { Sequence: { id: "B", type_id: 0 } }, ending],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: null,
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries([...special, ...unique].map((word, id) => [word, id])),
      unk_token: "<unk>",
    },
  };
}

const addedToken = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
