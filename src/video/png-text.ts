import { MediaError } from "../base/errors.ts";

/** Under this keyword the receipt travels in a PNG. */
export const receiptKeyword = "turbo2k";

export interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Bytes of the IEND chunk, the last ones of every PNG: length 0, name, check sum. */
export const pngEnd = Uint8Array.of(0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82);

/** The chunks of a PNG up to and with IEND. Throws where the file is cut off or is no PNG. */
export function* pngChunks(bytes: Uint8Array, where?: string): Generator<PngChunk> {
  if (signature.some((byte, index) => bytes[index] !== byte)) throw new MediaError("not a PNG file", { where });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4))
      throw new MediaError(`damaged PNG: the check sum of chunk ${type} is wrong`, { where });
    yield { type, data: bytes.subarray(at + 8, end - 4) };
    if (type === "IEND") return;
    at = end;
  }
  throw new MediaError(`damaged PNG: cut off after ${bytes.length} bytes`, { where });
}

/**
 * An iTXt chunk: text in UTF-8, so that prompts of any script survive (tEXt is Latin-1 only). PNG allows it anywhere
 * after the header; we put it last, so that a finished file takes it without being rewritten.
 */
export function textChunk(keyword: string, text: string): Uint8Array {
  const encode = new TextEncoder();
  // keyword, its end, not compressed (2 bytes), no language, no translated keyword, text
  const body = [...encode.encode(`iTXt${keyword}`), 0, 0, 0, 0, 0];
  const content = encode.encode(text);
  const chunk = new Uint8Array(4 + body.length + content.length + 4);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4 + content.length);
  chunk.set(body, 4);
  chunk.set(content, 4 + body.length);
  view.setUint32(chunk.length - 4, crc32(chunk.subarray(4, chunk.length - 4)));
  return chunk;
}

/** The same PNG with one more text in it. */
export function addPngText(png: Uint8Array, keyword: string, text: string): Uint8Array {
  const chunk = textChunk(keyword, text);
  const out = new Uint8Array(png.length + chunk.length);
  out.set(png.subarray(0, png.length - pngEnd.length));
  out.set(chunk, png.length - pngEnd.length);
  out.set(pngEnd, out.length - pngEnd.length);
  return out;
}

/** The uncompressed iTXt text under a keyword, if the PNG has one. */
export function readPngText(png: Uint8Array, keyword: string, where?: string): string | undefined {
  let text: string | undefined;
  // To the end even when found: a file that is cut off is an error.
  for (const { type, data } of pngChunks(png, where)) {
    if (type !== "iTXt") continue;
    const keywordEnd = data.indexOf(0);
    const compressed = data[keywordEnd + 1];
    const languageEnd = data.indexOf(0, keywordEnd + 3);
    const translatedEnd = data.indexOf(0, languageEnd + 1);
    if (keywordEnd < 0 || languageEnd < 0 || translatedEnd < 0 || compressed) continue;
    if (new TextDecoder().decode(data.subarray(0, keywordEnd)) !== keyword) continue;
    text = new TextDecoder().decode(data.subarray(translatedEnd + 1));
  }
  return text;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let index = 0; index < bytes.length; index++) crc = crcTable[(crc ^ bytes[index]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
