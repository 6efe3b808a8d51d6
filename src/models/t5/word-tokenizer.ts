import { InputError } from "../../base/errors.ts";
import type { TokenizerFile } from "./json-vocabulary.ts";

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
