import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { goldenFolder } from "../../testing/goldens.ts";
import { JsonVocabulary, type TokenizerFile } from "./json-vocabulary.ts";
import { SentencePiece } from "./sentence-piece.ts";
import { parseSpiece, type SentencePieceModel, spieceOfGguf } from "./spiece-file.ts";
import { TextTokenizer } from "./tokenizer.ts";

interface Goldens {
  readonly texts: readonly string[];
  readonly ids: Readonly<Record<string, readonly (readonly number[])[]>>;
}

/** TOKENIZER_GOLDENS names a folder with more: tools/parity/make_tokenizer_goldens.py --texts 8000 --out FOLDER. */
const folder = process.env["TOKENIZER_GOLDENS"] ?? join(goldenFolder, "tokenizer");
const { texts, ids } = JSON.parse(await readFile(join(folder, "ids.json"), "utf8")) as Goldens;
const file = async (name: string) => new Uint8Array(await readFile(join(folder, `${name}.model`)));
const t5 = parseSpiece(await file("t5"), "t5.model");

/** The texts on which two lists of ids differ, with both. */
const differences = (name: string, idsOf: (text: string) => number[], isAlike = (_: string) => true) =>
  texts.flatMap((text, at) => {
    if (!isAlike(text)) return [];
    const got = idsOf(text);
    const wanted = ids[name]![at]!;
    return JSON.stringify(got) === JSON.stringify(wanted) ? [] : [{ text, got, wanted }];
  });

/** The tokenizer.json that the published tokenizer has, and the one that transformers 5 saves, of a vocabulary. */
function tokenizerJson({ pieces, charsmap }: SentencePieceModel, splitWords: boolean): TokenizerFile {
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  const map = { type: "Precompiled", precompiled_charsmap: Buffer.from(charsmap).toString("base64") };
  const published = [
    map,
    { type: "Strip", strip_left: false, strip_right: true },
    { type: "Replace", pattern: { Regex: " {2,}" }, content: "▁" },
  ];
  return {
    added_tokens: ["<pad>", "</s>", "<unk>"].map((content, id) => ({ id, content, normalized: false, special: true })),
    normalizer: { type: "Sequence", normalizers: splitWords ? [map] : published },
    pre_tokenizer: splitWords
      ? { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] }
      : metaspace,
    post_processor: null,
    decoder: metaspace,
    model: { type: "Unigram", unk_id: 2, vocab: pieces.map(({ text, score }) => [text, score] as const) },
  } as TokenizerFile;
}

describe(`${texts.length} tricky texts`, () => {
  test.each(["t5", "bytes", "suffix", "bare"])("have sentencepiece's ids with the model %s", async (name) => {
    const vocabulary = new SentencePiece(parseSpiece(await file(name), name), name);
    expect(differences(name, (text) => vocabulary.idsOf(text))).toEqual([]);
  });

  test.each([
    ["published", "json", false],
    ["saved by transformers 5", "json-words", true],
  ] as const)("have the tokenizers library's ids with a tokenizer.json as %s", (_, name, splitWords) => {
    const strip = (text: string) => text.replace(/^[^\S\ufeff]+|[^\S\ufeff]+$/g, "");
    // To JavaScript these two are a letter and a space, to the library a space and a letter.
    const isAlike = (text: string) => !/[\x85\ufeff]/.test(text);
    const vocabulary = new JsonVocabulary(tokenizerJson(t5, splitWords), { where: "tokenizer.json" });
    expect(differences(name, (text) => (strip(text) ? vocabulary.idsOf(strip(text)) : []), isAlike)).toEqual([]);
  });
});

describe("a vocabulary", () => {
  test("of a spiece.model makes prompts of T5's shape", () => {
    const tokenizer = new TextTokenizer(t5, { name: "spiece.model" });
    expect(tokenizer).toMatchObject({ padId: 0, endId: 1, unknownId: 2, size: t5.pieces.length });
    const text = "Hello world";
    const tokens = ids["t5"]![texts.indexOf(text)]!;
    expect([...tokenizer.encode(text, tokens.length + 3).ids]).toEqual([...tokens, 1, 0, 0]);
    expect(tokenizer.encode(text, 3)).toMatchObject({ ids: Int32Array.of(tokens[0]!, tokens[1]!, 1), truncated: true });
    expect(tokenizer.unknownWords("a cat 🎈")).toEqual(["🎈"]);
  });

  test("in the fields of a GGUF file is the same", () => {
    const fields = new Map<string, string | number[] | string[] | boolean>([
      ["tokenizer.ggml.model", "t5"],
      ["tokenizer.ggml.tokens", t5.pieces.map(({ text }) => text)],
      ["tokenizer.ggml.scores", t5.pieces.map(({ score }) => score)],
      ["tokenizer.ggml.token_type", t5.pieces.map(({ kind }) => kind)],
      ["tokenizer.ggml.precompiled_charsmap", [...new Int8Array(t5.charsmap)]],
      ["tokenizer.ggml.remove_extra_whitespaces", true],
      ["tokenizer.ggml.add_space_prefix", true],
    ]);
    expect(spieceOfGguf(fields)).toEqual(t5);
    expect(spieceOfGguf(new Map([["tokenizer.ggml.model", "llama"]]))).toBeUndefined();
  });

  test("reads a prompt of 32,000 characters without delay", () => {
    const tokenizer = new TextTokenizer(t5);
    const start = performance.now();
    for (const text of ["a cat ".repeat(6000), "x".repeat(40_000), "🎈".repeat(20_000)]) tokenizer.encode(text, 8);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ["is cut", (bytes) => bytes.subarray(0, 1000), "not a SentencePiece model|character map is damaged"],
    [
      "is another file",
      () => new TextEncoder().encode('{"model": {}}'),
      "not a SentencePiece model|no piece for unknown",
    ],
    ["is empty", () => new Uint8Array(), "no piece for unknown text"],
  ])("that %s is refused", async (_, damage, message) => {
    const bytes = damage(await file("t5"));
    const open = () => new TextTokenizer(parseSpiece(bytes, "x/spiece.model"), { name: "x/spiece.model" });
    expect(open).toThrow(CheckpointError);
    expect(open).toThrow(new RegExp(message));
  });

  test("whose character map points outside itself gives nothing from there", () => {
    for (let at = 0; at < 40_000; at += 97) {
      const charsmap = t5.charsmap.slice();
      charsmap[4 + at] = charsmap[4 + at]! ^ 0xff;
      const vocabulary = new SentencePiece({ ...t5, charsmap }, "x");
      for (const text of ["ｃａｆé", "① ½"]) expect(vocabulary.idsOf(text).every((id) => id >= 0)).toBe(true);
    }
  });
});
