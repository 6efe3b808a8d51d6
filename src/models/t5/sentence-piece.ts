/**
 * Text to pieces as SentencePiece's unigram model has it (Kudo 2018): normalise, then take the likeliest way to cut.
 * Sums are rounded to f32 after each piece, as there, so that ties fall the same way.
 */
import { CheckpointError } from "../../base/errors.ts";
import { Charsmap } from "./charsmap.ts";
import { pieceKinds, type SentencePieceModel } from "./spiece-file.ts";

const space = "\u2581";
/** How much less likely than the rarest piece an unknown character is. */
const unknownPenalty = 10;

/** Pieces by their characters. */
class Trie {
  readonly children = new Map<string, Trie>();
  id: number | undefined;

  add(text: string, id: number): void {
    let node: Trie = this;
    for (const character of text) {
      let next = node.children.get(character);
      if (!next) node.children.set(character, (next = new Trie()));
      node = next;
    }
    node.id ??= id;
  }
}

/** The best way to a place in the text: its score, and the last piece of it. */
interface Path {
  readonly score: number;
  readonly from: number;
  readonly id: number;
}

export class SentencePiece {
  readonly unknownId: number;
  readonly #model: SentencePieceModel;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #charsmap: Charsmap | undefined;
  readonly #trie = new Trie();
  /** Symbols of the user's, which no normalisation touches. */
  readonly #symbols = new Trie();
  readonly #scores: Float32Array;
  readonly #unknownScore: number;
  /** Pieces of the 256 bytes. */
  readonly #bytes: readonly number[];

  /** @throws CheckpointError for a vocabulary without an unknown piece, or with byte fallback but not all bytes */
  constructor(model: SentencePieceModel, where: string) {
    this.#model = model;
    this.#charsmap = model.charsmap.length > 0 ? new Charsmap(model.charsmap, where) : undefined;
    this.#ids = new Map(model.pieces.map(({ text }, id) => [text, id]));
    const normal = model.pieces.filter(({ kind }) => kind === pieceKinds.normal).map(({ score }) => score);
    const least = normal.reduce((a, b) => Math.min(a, b), Infinity);
    const most = normal.reduce((a, b) => Math.max(a, b), -Infinity);
    this.#unknownScore = Math.fround(Math.fround(least) - unknownPenalty);
    this.#scores = Float32Array.from(model.pieces, ({ text, score, kind }) =>
      kind === pieceKinds.user ? new TextEncoder().encode(text).length * Math.fround(most) - 0.1 : score,
    );
    for (const [id, { text, kind }] of model.pieces.entries()) {
      if (kind === pieceKinds.normal || kind === pieceKinds.user) this.#trie.add(text, id);
      if (kind === pieceKinds.user) this.#symbols.add(text, id);
    }
    this.unknownId = model.pieces.findIndex(({ kind }) => kind === pieceKinds.unknown);
    this.#bytes = Array.from({ length: 256 }, (_, byte) => this.#ids.get(bytePiece(byte)) ?? -1);
    const hint = "download the tokenizer again";
    if (this.unknownId < 0) throw new CheckpointError("the vocabulary has no piece for unknown text", { where, hint });
    if (model.byteFallback && this.#bytes.includes(-1))
      throw new CheckpointError("the vocabulary falls back to bytes but lacks some of them", { where, hint });
  }

  get size(): number {
    return this.#model.pieces.length;
  }

  idOf(piece: string): number | undefined {
    return this.#ids.get(piece);
  }

  idsOf(text: string): number[] {
    const characters = [...this.normalise(text)];
    const ids: number[] = [];
    let isUnknown = false;
    for (const { from, to, id } of this.#bestPath(characters)) {
      const wasUnknown = isUnknown;
      isUnknown = id === this.unknownId;
      if (!isUnknown) ids.push(id);
      else if (this.#model.byteFallback)
        for (const byte of new TextEncoder().encode(characters.slice(from, to).join(""))) ids.push(this.#bytes[byte]!);
      else if (!wasUnknown) ids.push(id); // neighbouring unknown characters are one piece
    }
    return ids;
  }

  #bestPath(characters: readonly string[]): { from: number; to: number; id: number }[] {
    const paths: (Path | undefined)[] = [{ score: 0, from: 0, id: -1 }];
    const offer = (to: number, score: number, from: number, id: number): void => {
      const rival = paths[to];
      if (!rival || score > rival.score) paths[to] = { score, from, id };
    };
    for (let from = 0; from < characters.length; from++) {
      const { score } = paths[from]!;
      let node: Trie | undefined = this.#trie;
      let single = false;
      for (let to = from + 1; to <= characters.length; to++) {
        node = node.children.get(characters[to - 1]!);
        if (!node) break;
        if (node.id === undefined) continue;
        offer(to, Math.fround(score + this.#scores[node.id]!), from, node.id);
        single ||= to === from + 1;
      }
      if (!single) offer(from + 1, Math.fround(score + this.#unknownScore), from, this.unknownId);
    }
    const pieces = [];
    for (let to = characters.length; to > 0; to = pieces.at(-1)!.from) {
      const { from, id } = paths[to]!;
      pieces.push({ from, to, id });
    }
    return pieces.reverse();
  }

  /** Text as the vocabulary was trained on it. */
  normalise(text: string): string {
    const { squeeze, marked, spaceFirst, spaceLast } = this.#model;
    const mark = marked ? space : " ";
    let out = spaceFirst && !spaceLast ? mark : "";
    let isBlank = squeeze || text === "";
    let wasSpace = squeeze;
    for (let part of this.#replaced(text)) {
      if (part !== " ") isBlank = false;
      if (wasSpace) part = part.replace(/^ +/, "");
      if (!part) continue;
      out += part.replaceAll(" ", mark);
      wasSpace = squeeze && part.endsWith(" ");
    }
    if (isBlank) return "";
    while (squeeze && out.endsWith(mark)) out = out.slice(0, -1);
    return spaceFirst && spaceLast ? out + mark : out;
  }

  /** The text's smallest parts, each replaced as the character map says. */
  *#replaced(text: string): Generator<string> {
    const bytes = new TextEncoder().encode(text);
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (let at = 0; at < bytes.length; ) {
      const symbol = this.#symbolAt(bytes, at);
      const found = symbol ?? this.#charsmap?.longest(bytes, at);
      const length = found?.length ?? characterLength(bytes[at]!);
      yield decoder.decode(found?.bytes ?? bytes.subarray(at, at + length));
      at += length;
    }
  }

  /** The longest of the user's symbols that stands here. */
  #symbolAt(bytes: Uint8Array, at: number): { length: number; bytes: Uint8Array } | undefined {
    if (this.#symbols.children.size === 0) return undefined;
    let node: Trie | undefined = this.#symbols;
    let length = 0;
    for (let end = at; end < bytes.length; ) {
      const size = characterLength(bytes[end]!);
      node = node.children.get(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(end, end + size)));
      if (!node) break;
      end += size;
      if (node.id !== undefined) length = end - at;
    }
    return length > 0 ? { length, bytes: bytes.subarray(at, at + length) } : undefined;
  }
}

const bytePiece = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/** Bytes of the UTF-8 character that begins with this one. */
const characterLength = (first: number): number => (first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);
