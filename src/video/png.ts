import { convertIndexedToRgb, type DecodedPng, decode, encode } from "fast-png";
import { MediaError } from "../base/errors.ts";
import type { Frame } from "./frame.ts";
import { addPngText, pngChunks, receiptKeyword } from "./png-text.ts";

/** Larger pictures are refused before any memory is taken for them. */
const maxPixels = 2 ** 28;

/** A picture as a PNG file, with the receipt (as text) inside when one is given. */
export function encodePng(frame: Frame, receipt?: string): Uint8Array {
  const png = encode({ width: frame.width, height: frame.height, data: frame.data, channels: 3, depth: 8 });
  return receipt === undefined ? png : addPngText(png, receiptKeyword, receipt);
}

/** Any PNG as RGB of 8 bits: grey is spread, palettes are looked up, 16 bits are rounded, alpha is dropped. */
export function decodePng(bytes: Uint8Array, where?: string): Frame {
  let png: DecodedPng;
  try {
    for (const { type, data } of pngChunks(bytes, where)) {
      if (type !== "IHDR") continue;
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      const [width, height] = [view.getUint32(0), view.getUint32(4)];
      if (!width || !height || width * height > maxPixels)
        throw new MediaError(`a PNG of ${width}x${height} is beyond the limit of ${maxPixels} pixels`, { where });
    }
    png = decode(bytes);
    if (png.palette) {
      const channels = png.palette[0]!.length;
      png = { ...png, data: convertIndexedToRgb(png), channels, depth: 8 };
    }
  } catch (cause) {
    if (cause instanceof MediaError) throw cause;
    throw new MediaError(`damaged PNG: ${cause instanceof Error ? cause.message : cause}`, { where, cause });
  }
  return toRgb(png);
}

function toRgb({ width, height, data, channels, depth }: DecodedPng): Frame {
  if (channels === 3 && depth === 8 && data instanceof Uint8Array) return { width, height, data };
  const out = new Uint8Array(width * height * 3);
  const scale = 255 / (2 ** depth - 1);
  const read = depth >= 8 ? (at: number) => data[at]! : bitReader(data, width, depth);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++)
      out[pixel * 3 + channel] = Math.round(read(pixel * channels + (channels < 3 ? 0 : channel)) * scale);
  }
  return { width, height, data: out };
}

/** Grey of 1, 2 or 4 bits: rows start at whole bytes, high bits first. */
function bitReader(data: ArrayLike<number>, width: number, depth: number): (pixel: number) => number {
  const rowBytes = Math.ceil((width * depth) / 8);
  return (pixel) => {
    const bit = (pixel % width) * depth;
    const byte = data[Math.floor(pixel / width) * rowBytes + (bit >> 3)]!;
    return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  };
}
