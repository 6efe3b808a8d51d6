/** Vocabularies of a `tokenizer.json`, the format of Hugging Face's tokenizers library. */
import { Tokenizer } from "@huggingface/tokenizers";
import { CheckpointError, InputError } from "../../base/errors.ts";
import { Charsmap } from "./charsmap.ts";

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

/**
 * A tokenizer.json, run by the library. Its stand-in for a Precompiled character map (NFKC and some spaces) is replaced
 * by the map itself where the file holds one; without one it is kept.
 */
export class JsonVocabulary {
  readonly unknownId: number;
  readonly #tokenizer: Tokenizer;

  constructor(file: string | TokenizerFile, { config, where }: { config?: object | undefined; where: string }) {
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
    const library = this.#tokenizer as unknown as { normalizer: Normalizer | null };
    library.normalizer = withCharsmaps(library.normalizer, where);
    const unknown = model.unk_id ?? this.idOf(model.unk_token ?? "<unk>");
    if (unknown === undefined) throw fail("expected a token for unknown text, it has none");
    this.unknownId = unknown;
  }

  get size(): number {
    return this.#tokenizer.get_vocab().size;
  }

  idOf(piece: string): number | undefined {
    return this.#tokenizer.token_to_id(piece);
  }

  idsOf(text: string): number[] {
    try {
      return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
    } catch (cause) {
      // The library spreads all pieces into one call; characters that normalisation expands 18-fold exceed its limit.
      throw new InputError("the prompt expands to too many characters", { cause, hint: "shorten the prompt" });
    }
  }
}

/** What is used of the library's normalizers, which can also be called as functions. */
interface Normalizer {
  (text: string): string;
  readonly config?: { readonly type?: string; readonly precompiled_charsmap?: unknown };
  readonly normalizers?: (Normalizer | null)[];
  normalize(text: string): string;
}

/** The normalizer with every Precompiled step that has a map doing what the map says. */
function withCharsmaps(normalizer: Normalizer | null, where: string): Normalizer | null {
  const { normalizers, config } = normalizer ?? {};
  if (normalizers) for (const [at, step] of normalizers.entries()) normalizers[at] = withCharsmaps(step, where);
  const map = config?.precompiled_charsmap;
  if (config?.type !== "Precompiled" || typeof map !== "string" || map === "") return normalizer;
  const charsmap = new Charsmap(
    Uint8Array.from(atob(map), (c) => c.charCodeAt(0)),
    where,
  );
  const normalize = (text: string): string => normalised(text, charsmap);
  return Object.assign((text: string) => normalize(text), { normalize });
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The tokenizers library's use of a map: whole graphemes of up to 5 bytes first, else single characters. */
function normalised(text: string, charsmap: Charsmap): string {
  const replacement = (part: string, most = Infinity): string | undefined => {
    const bytes = new TextEncoder().encode(part);
    const found = bytes.length <= most ? charsmap.shortest(bytes) : undefined;
    return found && new TextDecoder("utf-8", { ignoreBOM: true }).decode(found.bytes);
  };
  let out = "";
  for (const { segment } of graphemes.segment(text))
    out += replacement(segment, 5) ?? Array.from(segment, (c) => replacement(c) ?? c).join("");
  return out;
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
