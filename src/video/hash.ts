import type { Frame } from "./frame.ts";

/**
 * One SHA-256 for a series of frames, taken frame by frame: the hash of, for each frame, width and height (32 bits
 * each, low byte first) and the SHA-256 of its RGB bytes. The browser's hash function does not stream, this does.
 */
export class FrameHash {
  readonly #parts: Promise<Uint8Array>[] = [];

  /** The frame's bytes must not change until the returned promise is fulfilled. */
  async update(frame: Frame): Promise<void> {
    const part = sha256(frame.data).then((digest) => {
      const out = new Uint8Array(8 + digest.length);
      const view = new DataView(out.buffer);
      view.setUint32(0, frame.width, true);
      view.setUint32(4, frame.height, true);
      out.set(digest, 8);
      return out;
    });
    this.#parts.push(part);
    await part;
  }

  /** The hash of the frames so far, as hexadecimal digits. */
  async digest(): Promise<string> {
    const parts = await Promise.all(this.#parts);
    const all = new Uint8Array(parts.length * 40);
    for (const [index, part] of parts.entries()) all.set(part, index * 40);
    return Array.from(await sha256(all), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

/** `FrameHash` over frames at hand. */
export async function hashFrames(frames: Iterable<Frame> | AsyncIterable<Frame>): Promise<string> {
  const hash = new FrameHash();
  for await (const frame of frames) await hash.update(frame);
  return hash.digest();
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}
