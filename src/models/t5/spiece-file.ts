/** What a SentencePiece vocabulary says, from its own file (`spiece.model`) or from the fields of a GGUF file. */
import protobuf from "protobufjs";
import { CheckpointError } from "../../base/errors.ts";
import type { GgufValue } from "../../weights/gguf-header.ts";

/** Kinds of pieces, numbered as in sentencepiece_model.proto; GGUF has the same numbers. */
export const pieceKinds = { normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6 } as const;

export interface Piece {
  readonly text: string;
  /** Log-probability. */
  readonly score: number;
  readonly kind: number;
}

export interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  /** Empty where text is taken as it is. */
  readonly charsmap: Uint8Array;
  /** A space goes before the first word. */
  readonly spaceFirst: boolean;
  /** Spaces around the text are removed, runs of them made one. */
  readonly squeeze: boolean;
  /** Spaces become U+2581. */
  readonly marked: boolean;
  /** The space goes behind the last word instead. */
  readonly spaceLast: boolean;
  /** Unknown characters become their bytes. */
  readonly byteFallback: boolean;
}

/** The parts of sentencepiece_model.proto that matter here, with their defaults. */
const proto = protobuf
  .parse(
    `
  syntax = "proto2";
  message ModelProto {
    message Piece { optional string piece = 1; optional float score = 2; optional int32 type = 3 [default = 1]; }
    repeated Piece pieces = 1;
    optional TrainerSpec trainer = 2;
    optional NormalizerSpec normalizer = 3;
  }
  message TrainerSpec {
    optional int32 model_type = 3 [default = 1];
    optional bool treat_whitespace_as_suffix = 24;
    optional bool byte_fallback = 35;
  }
  message NormalizerSpec {
    optional bytes precompiled_charsmap = 2;
    optional bool add_dummy_prefix = 3 [default = true];
    optional bool remove_extra_whitespaces = 4 [default = true];
    optional bool escape_whitespaces = 5 [default = true];
  }`,
    { keepCase: true },
  )
  .root.lookupType("ModelProto");

interface Decoded {
  readonly pieces: readonly { readonly piece: string; readonly score: number; readonly type: number }[];
  readonly trainer: { model_type: number; treat_whitespace_as_suffix: boolean; byte_fallback: boolean } | null;
  readonly normalizer: {
    precompiled_charsmap: Uint8Array;
    add_dummy_prefix: boolean;
    remove_extra_whitespaces: boolean;
    escape_whitespaces: boolean;
  } | null;
}

/** The content of a `spiece.model`. @throws CheckpointError for damage and for models that are not unigram */
export function parseSpiece(bytes: Uint8Array, where: string): SentencePieceModel {
  let decoded: Decoded;
  try {
    decoded = proto.decode(bytes) as unknown as Decoded;
  } catch (cause) {
    throw new CheckpointError(`not a SentencePiece model: ${(cause as Error).message}`, {
      where,
      cause,
      hint: "download the tokenizer again",
    });
  }
  const { pieces, trainer, normalizer } = decoded;
  if (trainer && trainer.model_type !== 1)
    throw new CheckpointError(`expected a unigram vocabulary, got SentencePiece's type ${trainer.model_type}`, {
      where,
    });
  return {
    pieces: pieces.map(({ piece, score, type }) => ({ text: piece, score, kind: type })),
    charsmap: normalizer?.precompiled_charsmap ?? new Uint8Array(),
    spaceFirst: normalizer?.add_dummy_prefix ?? true,
    squeeze: normalizer?.remove_extra_whitespaces ?? true,
    marked: normalizer?.escape_whitespaces ?? true,
    spaceLast: trainer?.treat_whitespace_as_suffix ?? false,
    byteFallback: trainer?.byte_fallback ?? false,
  };
}

/** The vocabulary that llama.cpp puts into a T5's GGUF file; `undefined` where the file has none. */
export function spieceOfGguf(fields: ReadonlyMap<string, GgufValue>): SentencePieceModel | undefined {
  const list = (name: string): readonly GgufValue[] => {
    const value = fields.get(`tokenizer.ggml.${name}`);
    return Array.isArray(value) ? value : [];
  };
  const flag = (name: string): boolean => fields.get(`tokenizer.ggml.${name}`) !== false;
  const [tokens, scores, kinds] = [list("tokens"), list("scores"), list("token_type")];
  if (fields.get("tokenizer.ggml.model") !== "t5" || tokens.length === 0) return undefined;
  return {
    pieces: tokens.map((text, at) => ({
      text: String(text),
      score: Number(scores[at] ?? 0),
      kind: Number(kinds[at] ?? pieceKinds.normal),
    })),
    charsmap: Uint8Array.from(list("precompiled_charsmap"), Number),
    spaceFirst: flag("add_space_prefix"),
    squeeze: flag("remove_extra_whitespaces"),
    marked: true,
    spaceLast: false,
    byteFallback: kinds.includes(pieceKinds.byte),
  };
}
