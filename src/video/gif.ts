import * as module from "gifenc";
import { InputError, MediaError } from "../base/errors.ts";
import type { Frame } from "./frame.ts";

// In Node the package is CommonJS behind `default`; a bundler takes its ES module with named exports.
const { GIFEncoder, quantize, applyPalette } = (
  "quantize" in module ? module : module.default
) as typeof module.default;

/** Frames in, an endlessly repeating GIF out. Each frame has its own palette of 256 colours. */
export class GifEncoding {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  #frames = 0;
  readonly #gif = GIFEncoder();

  constructor({ width, height, fps }: { width: number; height: number; fps: number }) {
    if (width > 65535 || height > 65535)
      throw new InputError(`a GIF is at most 65535 pixels wide, got ${width}x${height}`);
    if (!(fps > 0 && fps <= 50))
      throw new InputError(`a GIF plays at most 50 frames a second, got ${fps}`, { hint: "lower fps, or write .mp4" });
    this.width = width;
    this.height = height;
    this.fps = fps;
  }

  get frames(): number {
    return this.#frames;
  }

  write(frame: Frame): void {
    if (frame.width !== this.width || frame.height !== this.height)
      throw new InputError(
        `frame ${this.#frames} is ${frame.width}x${frame.height}, the video is ${this.width}x${this.height}`,
      );
    const rgba = new Uint8Array(frame.width * frame.height * 4).fill(255);
    for (let pixel = 0; pixel < frame.width * frame.height; pixel++)
      for (let channel = 0; channel < 3; channel++) rgba[pixel * 4 + channel] = frame.data[pixel * 3 + channel]!;
    const palette = quantize(rgba, 256);
    // Time counts in hundredths of a second: the delays vary by one so that frame k starts at k / fps, rounded.
    const start = (index: number) => Math.round((index * 100) / this.fps);
    const delay = (start(this.#frames + 1) - start(this.#frames)) * 10;
    this.#gif.writeFrame(applyPalette(rgba, palette), frame.width, frame.height, { palette, delay });
    this.#frames++;
  }

  /** The file, with a text (the receipt) as a comment inside. */
  finish(comment?: string): Uint8Array {
    if (!this.#frames) throw new MediaError("a video needs at least one frame");
    this.#gif.finish();
    const gif = this.#gif.bytes();
    if (comment === undefined) return gif;
    const text = new TextEncoder().encode(comment);
    const blocks = Math.ceil(text.length / 255);
    const out = new Uint8Array(gif.length + 3 + text.length + blocks);
    // Before the trailer byte: extension, comment, then blocks that start with their length, an empty one last.
    out.set(gif.subarray(0, -1));
    out.set([0x21, 0xfe], gif.length - 1);
    let at = gif.length + 1;
    for (let from = 0; from < text.length; from += 255) {
      const block = text.subarray(from, from + 255);
      out[at] = block.length;
      out.set(block, at + 1);
      at += 1 + block.length;
    }
    out[at] = 0;
    out[at + 1] = 0x3b;
    return out;
  }
}

/** The first comment of a GIF; `frames` and `seconds` as its blocks say. Throws where the file is cut off. */
export function readGif(bytes: Uint8Array, where?: string): { comment?: string; frames: number; seconds: number } {
  if (!/^GIF8[79]a$/.test(String.fromCharCode(...bytes.subarray(0, 6))))
    throw new MediaError("not a GIF file", { where });
  let at = 6;
  let comment: string | undefined;
  let frames = 0;
  let hundredths = 0;
  const byte = () => {
    if (at >= bytes.length) throw new MediaError(`damaged GIF: cut off after ${bytes.length} bytes`, { where });
    return bytes[at++]!;
  };
  const skipTable = (flags: number) => {
    if (flags & 0x80) at += 3 * 2 ** ((flags & 7) + 1);
  };
  const blocks = () => {
    const parts: number[] = [];
    for (let size = byte(); size; size = byte()) {
      for (const value of bytes.subarray(at, at + size)) parts.push(value);
      at += size;
    }
    return Uint8Array.from(parts);
  };
  at += 4;
  const flags = byte();
  at += 2;
  skipTable(flags);
  for (;;) {
    const kind = byte();
    if (kind === 0x3b) return { comment, frames, seconds: hundredths / 100 };
    if (kind === 0x21) {
      const label = byte();
      const data = blocks();
      if (label === 0xfe) comment ??= new TextDecoder().decode(data);
      if (label === 0xf9) hundredths += data[1]! + 256 * data[2]!;
    } else if (kind === 0x2c) {
      at += 8;
      skipTable(byte());
      at++;
      blocks();
      frames++;
    } else throw new MediaError(`damaged GIF: unknown block ${kind}`, { where });
  }
}
