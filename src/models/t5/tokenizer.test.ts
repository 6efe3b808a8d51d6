import { describe, expect, test } from "vitest";
import { CheckpointError, InputError } from "../../base/errors.ts";
import type { TokenizerFile } from "./json-vocabulary.ts";
import { TextTokenizer } from "./tokenizer.ts";
import { buildWordTokenizer } from "./word-tokenizer.ts";

/** A small tokenizer.json of the shape that T5 has. */
const t5: TokenizerFile & Record<string, unknown> = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: ["<pad>", "</s>", "<unk>"].map((content, id) => ({ id, content, special: true, normalized: false })),
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Precompiled", precompiled_charsmap: null },
      { type: "Strip", strip_left: false, strip_right: true },
      { type: "Replace", pattern: { Regex: " {2,}" }, content: "▁" },
    ],
  },
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: false },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
    pair: [],
    special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
  },
  decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
  model: {
    type: "Unigram",
    unk_id: 2,
    vocab: [
      ["<pad>", 0],
      ["</s>", 0],
      ["<unk>", 0],
      ["▁", -2],
      ["▁a", -3],
      ["▁cat", -5],
      ["▁c", -4],
      ["at", -4],
      ["s", -3],
      ["a", -4],
      ["t", -4],
      [",", -3],
      ["▁ball", -6],
      ["▁caf", -6],
      ["é", -7],
    ],
  },
};

const idsOf = (tokenizer: TextTokenizer, text: string): number[] => {
  const { ids, mask } = tokenizer.encode(text, 64);
  return [...ids.subarray(0, mask.lastIndexOf(1) + 1)];
};

describe("a Unigram tokenizer of T5's shape", () => {
  const tokenizer = new TextTokenizer(JSON.stringify(t5));

  test("takes the likeliest pieces and ends with </s>", () => {
    expect(idsOf(tokenizer, "a cat")).toEqual([4, 5, 1]);
    expect(idsOf(tokenizer, "a cats, ball")).toEqual([4, 5, 8, 11, 12, 1]);
  });

  test("pads on the right to the length asked for", () => {
    const { ids, mask, truncated } = tokenizer.encode("a cat", 6);
    expect([...ids]).toEqual([4, 5, 1, 0, 0, 0]);
    expect([...mask]).toEqual([1, 1, 1, 0, 0, 0]);
    expect(truncated).toBe(false);
  });

  test("keeps the first maxLength - 1 tokens and </s> of a longer prompt, and says so", () => {
    const { ids, mask, truncated } = tokenizer.encode("a cat a cat", 3);
    expect([...ids]).toEqual([4, 5, 1]);
    expect([...mask]).toEqual([1, 1, 1]);
    expect(truncated).toBe(true);
    expect(tokenizer.encode("a cat", 3).truncated).toBe(false);
    expect([...tokenizer.encode("a cat", 1).ids]).toEqual([1]);
  });

  test("makes </s> alone of an empty prompt, as of spaces", () => {
    for (const text of ["", "   ", "\n\t "]) expect(idsOf(tokenizer, text)).toEqual([1]);
  });

  test("trims around the prompt, and treats line breaks inside as spaces", () => {
    expect(idsOf(tokenizer, "  a cat \n")).toEqual([4, 5, 1]);
    expect(idsOf(tokenizer, "a\ncat")).toEqual([4, 5, 1]);
  });

  test("composes characters and folds full width without a charsmap", () => {
    expect(idsOf(tokenizer, "cafe\u0301")).toEqual([13, 14, 1]);
    expect(idsOf(tokenizer, "ｃａｔ")).toEqual([5, 1]);
  });

  test("makes one unknown token of each run of unknown characters", () => {
    expect(idsOf(tokenizer, "🎈👩‍🚀")).toEqual([3, 2, 3, 2, 1]); // the joiner inside the second counts as a space
    expect(idsOf(tokenizer, "a кот")).toEqual([4, 3, 2, 1]);
    expect(tokenizer.unknownWords("A cat, кот 🎈 cats! Кот кот")).toEqual(["A", "кот", "🎈", "Кот"]);
  });

  test("reads a prompt of a million characters without delay", () => {
    for (const text of ["a cat ".repeat(200_000), "a".repeat(1_000_000), "🎈".repeat(500_000), "x ".repeat(500_000)]) {
      const { ids, truncated } = tokenizer.encode(text, 8);
      expect(ids).toHaveLength(8);
      expect(truncated).toBe(true);
    }
    expect(tokenizer.unknownWords(`a${"!".repeat(1_000_000)}`)).toEqual([]);
  });

  test("gives halves of surrogate pairs no special treatment", () => {
    expect(idsOf(tokenizer, "\ud83c")).toEqual([3, 2, 1]);
  });

  test("refuses a length that leaves no room", () => {
    for (const length of [0, -1, 1.5, NaN]) expect(() => tokenizer.encode("a", length)).toThrow(InputError);
  });
});

describe("a tokenizer.json that cannot be used", () => {
  test.each<[string, unknown]>([
    ["not JSON", "{"],
    ["null", "null"],
    ["no model", {}],
    ["no vocab", { ...t5, model: { type: "Unigram" } }],
    ["no pre-tokenizer field", { model: t5.model }],
    ["an unknown normalizer", { ...t5, normalizer: { type: "Magic" } }],
    ["no </s>", { ...t5, added_tokens: [], model: { ...t5.model, vocab: [["<unk>", 0]], unk_id: 0 } }],
    ["no unknown token", { ...t5, added_tokens: [], model: { type: "WordLevel", vocab: { "</s>": 0 } } }],
  ])("because of %s is a checkpoint error", (_, file) => {
    expect(() => new TextTokenizer(file as TokenizerFile, { name: "x/tokenizer.json" })).toThrow(CheckpointError);
    expect(() => new TextTokenizer(file as TokenizerFile, { name: "x/tokenizer.json" })).toThrow("x/tokenizer.json");
  });
});

describe("a word tokenizer", () => {
  const file = buildWordTokenizer(["a", "red", "ball", "spins", ","]);
  const tokenizer = new TextTokenizer(JSON.stringify(file));

  test("numbers its words from 3 behind pad, end and unknown", () => {
    expect(tokenizer.size).toBe(8);
    expect(tokenizer).toMatchObject({ padId: 0, endId: 1, unknownId: 2 });
    expect(idsOf(tokenizer, "a red ball spins")).toEqual([3, 4, 5, 6, 1]);
  });

  test("does not care for case, extra space or punctuation that it has no word for", () => {
    expect(idsOf(tokenizer, 'A "RED"   ball... spins!')).toEqual([3, 4, 5, 6, 1]);
    expect(idsOf(tokenizer, "red,ball")).toEqual([4, 7, 5, 1]);
    expect(idsOf(tokenizer, "red-ball")).toEqual([4, 5, 1]);
  });

  test("gives each unknown word one token, and names it as it was written", () => {
    expect(idsOf(tokenizer, "a Cat spins")).toEqual([3, 2, 6, 1]);
    expect(tokenizer.unknownWords("A Cat, a dog, (the Cat) spins 🎈 Мяч 球")).toEqual([
      "Cat",
      "dog",
      "the",
      "🎈",
      "Мяч",
      "球",
    ]);
    expect(tokenizer.unknownWords("a red ball!")).toEqual([]);
    expect(tokenizer.unknownWords("")).toEqual([]);
  });

  test("does not take words of JavaScript for its own", () => {
    expect(idsOf(tokenizer, "constructor valueof")).toEqual([2, 2, 1]);
  });

  test("accepts numbers and other scripts as words", () => {
    const other = new TextTokenizer(buildWordTokenizer(["3", "кот", "7"]));
    expect(idsOf(other, "КОТ 7 3")).toEqual([4, 5, 3, 1]);
  });

  test.each(["Red", "two words", "two-tone", "</s>", "", "ﬁ"])("cannot have the word %j", (word) => {
    expect(() => buildWordTokenizer(["a", word])).toThrow(InputError);
  });

  test("cannot have a word twice, and keeps every mark that is a word apart", () => {
    expect(() => buildWordTokenizer(["a", "b", "a"])).toThrow("has a word twice: a");
    const marks = new TextTokenizer(buildWordTokenizer(["-", "]", ".", "?"]));
    expect(idsOf(marks, "- ] . ? !")).toEqual([3, 4, 5, 6, 1]);
  });
});
