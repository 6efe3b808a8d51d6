import { CheckpointError } from "../base/errors.ts";
import { type Dtype, dtypeBytes, elementCount, isDtype } from "./dtype.ts";

/** One tensor as a header describes it; offsets count from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Parses and checks a safetensors header: every tensor lies inside the `dataSize` bytes behind it, has the bytes that
 * its shape needs, and together they cover the data without gap or overlap. Anything else is an error.
 */
export function parseHeader(text: string, dataSize: number, where: string): Header {
  const json = parseObject(text, where);
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw damaged(where, `${JSON.stringify(duplicate)} is listed twice in the header`);
  const entries: HeaderEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") metadata = parseMetadata(value, where);
    else entries.push(parseEntry(name, value, `${where}: ${JSON.stringify(name)}`));
  }
  checkCover(entries, dataSize, where);
  return { entries, metadata };
}

function damaged(where: string, message: string): CheckpointError {
  return new CheckpointError(message, { where, hint: "the file is damaged or was not written by safetensors" });
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const excerpt = JSON.stringify(text.slice(0, 40));
    throw new CheckpointError(`the header must be JSON, got ${excerpt}`, {
      where,
      cause,
      hint: "the file is damaged or is no safetensors file",
    });
  }
  if (!isRecord(json))
    throw damaged(where, `the header must be a JSON object, got ${JSON.stringify(json).slice(0, 40)}`);
  return json;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON.parse keeps the last of equal keys without a word, so the keys of the outer object are looked at again. */
function duplicateKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let last = "";
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/gs)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (token !== ":") last = token;
    else if (depth === 1) {
      const key = JSON.parse(last) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

function parseMetadata(value: unknown, where: string): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((item) => typeof item === "string"))
    throw damaged(where, "__metadata__ must map strings to strings");
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, where: string): HeaderEntry {
  if (!isRecord(value)) throw damaged(where, "expected {dtype, shape, data_offsets}");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype))
    throw new CheckpointError(`unknown dtype ${JSON.stringify(dtype)}`, {
      where,
      hint: `known are ${Object.keys(dtypeBytes).join(", ")}`,
    });
  if (!Array.isArray(shape) || Number.isNaN(elementCount(shape)))
    throw damaged(where, `shape must be a list of counts, got ${JSON.stringify(shape)}`);
  const isOffset = (offset: unknown): boolean => Number.isSafeInteger(offset) && (offset as number) >= 0;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isOffset) || offsets[0] > offsets[1])
    throw damaged(where, `data_offsets must be [start, end], got ${JSON.stringify(offsets)}`);
  const [start, end] = offsets as [number, number];
  const bytes = elementCount(shape) * dtypeBytes[dtype];
  if (end - start !== bytes)
    throw damaged(where, `${dtype} [${shape.join(", ")}] needs ${bytes} bytes, its offsets give ${end - start}`);
  return { name, dtype, shape: shape as number[], start, end };
}

/** The data must be covered exactly: a gap could hide bytes, an overlap could alias weights. */
function checkCover(entries: readonly HeaderEntry[], dataSize: number, where: string): void {
  const needed = entries.reduce((most, entry) => Math.max(most, entry.end), 0);
  if (needed > dataSize)
    throw new CheckpointError(`truncated: its tensors need ${needed} bytes, ${dataSize} are there`, {
      where,
      hint: "the download broke off; download the file again",
    });
  let position = 0;
  let previous = "the header";
  for (const { name, start, end } of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const label = JSON.stringify(name);
    if (start < position)
      throw damaged(where, `${label} overlaps ${previous}: it starts at ${start} before ${position}`);
    if (start > position) throw damaged(where, `a gap of ${start - position} bytes between ${previous} and ${label}`);
    position = end;
    previous = label;
  }
  if (position < dataSize) throw damaged(where, `${dataSize - position} bytes behind the last tensor belong to none`);
}
