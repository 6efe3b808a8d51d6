import { open, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MediaError } from "../../../base/errors.ts";
import { formatReceipt, type Receipt } from "../../../schema/receipt.ts";
import { SheetOfFrames } from "../../../video/contact-sheet.ts";
import type { Frame } from "../../../video/frame.ts";
import { GifEncoding } from "../../../video/gif.ts";
import { FrameHash } from "../../../video/hash.ts";
import { encodePng } from "../../../video/png.ts";
import { pngEnd, receiptKeyword, textChunk } from "../../../video/png-text.ts";
import { VideoEncoding } from "../../../video/video-encode.ts";
import { registerCodecs } from "./codecs.ts";
import { fileError } from "./file-error.ts";
import { outputKind, sequenceMatcher, sequenceName } from "./output-path.ts";
import { namesIn, numbered, refuseExisting, Staging } from "./staging.ts";

export interface VideoWriterOptions {
  width: number;
  height: number;
  fps: number;
  /** Replace what has the name already. */
  force?: boolean;
  /** Shown by players, and above a contact sheet: the prompt, say. */
  title?: string;
  /** Lower is better and larger: H.264 0..51 (default 20), VP9 0..63 (default 24). */
  quantizer?: number;
}

export interface WrittenVideo {
  /** Where it is: another name than asked for, if somebody else took that one during the run. */
  path: string;
  frames: number;
  framesSha256: string;
}

/** Takes frames one by one. The output has its name only after `finish`; after `abort` or an error nothing is left. */
export interface VideoWriter {
  readonly path: string;
  write(frame: Frame): Promise<void>;
  /** The hash of the frames so far, for the receipt. */
  framesSha256(): Promise<string>;
  finish(receipt?: Receipt): Promise<WrittenVideo>;
  abort(): Promise<void>;
}

/** One kind of output: takes frames, then leaves finished files in the staging folder and says their names. */
interface Encoding {
  write(frame: Frame): void | Promise<void>;
  finish(receipt: string | undefined): Promise<string[]>;
  abort?(): Promise<void>;
}

/**
 * Opens an output by its ending (.mp4, .webm, .gif, .png, `frames/%05d.png`). Whatever would make it fail in the
 * end (the size, an existing file, a folder that cannot be written to) is found here, before any frame is made.
 */
export async function openVideoWriter(path: string, options: VideoWriterOptions): Promise<VideoWriter> {
  const kind = outputKind(path);
  const [home, name] = [dirname(path), basename(path)];
  if (kind === "sequence") await refuseSequence(path, options);
  else if (!options.force) await refuseExisting(path);
  const staging = await Staging.open(home);
  try {
    return new StagedWriter(path, await openEncoding(kind, name, options, staging), staging, options.force ?? false);
  } catch (cause) {
    await staging.discard();
    throw cause;
  }
}

/** All of a clip that is in memory, in one call. */
export async function writeVideo(
  path: string,
  frames: Iterable<Frame> | AsyncIterable<Frame>,
  options: VideoWriterOptions,
  receipt?: (framesSha256: string, frames: number) => Receipt,
): Promise<WrittenVideo> {
  const writer = await openVideoWriter(path, options);
  try {
    let count = 0;
    for await (const frame of frames) {
      await writer.write(frame);
      count++;
    }
    return await writer.finish(receipt?.(await writer.framesSha256(), count));
  } catch (cause) {
    await writer.abort();
    throw cause;
  }
}

class StagedWriter implements VideoWriter {
  readonly path: string;
  readonly #encoding: Encoding;
  readonly #staging: Staging;
  readonly #force: boolean;
  readonly #hash = new FrameHash();
  #frames = 0;
  #closed = false;

  constructor(path: string, encoding: Encoding, staging: Staging, force: boolean) {
    this.path = path;
    this.#encoding = encoding;
    this.#staging = staging;
    this.#force = force;
  }

  async write(frame: Frame): Promise<void> {
    this.#refuseClosed();
    await this.#orAbort(() => Promise.all([this.#encoding.write(frame), this.#hash.update(frame)]));
    this.#frames++;
  }

  framesSha256(): Promise<string> {
    return this.#hash.digest();
  }

  async finish(receipt?: Receipt): Promise<WrittenVideo> {
    this.#refuseClosed();
    return this.#orAbort(async () => {
      if (!this.#frames) throw new MediaError("a video needs at least one frame", { where: this.path });
      const names = await this.#encoding.finish(receipt && formatReceipt(receipt));
      const isSequence = names[0] !== basename(this.path);
      const renamed = (name: string, attempt: number) => (isSequence ? `${attempt}-${name}` : numbered(name, attempt));
      const attempt = await this.#staging.commit(names, this.#force, renamed);
      this.#closed = true;
      if (isSequence && this.#force) await removeTail(this.path, this.#frames);
      const name = basename(this.path);
      const path = attempt === 1 ? this.path : join(dirname(this.path), renamed(name, attempt));
      return { path, frames: this.#frames, framesSha256: await this.framesSha256() };
    });
  }

  async abort(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#encoding.abort?.().catch(() => {});
    await this.#staging.discard();
  }

  #refuseClosed(): void {
    if (this.#closed) throw new MediaError("this output is closed already", { where: this.path });
  }

  async #orAbort<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      await this.abort();
      throw fileError(cause, this.path, "write");
    }
  }
}

async function openEncoding(
  kind: ReturnType<typeof outputKind>,
  name: string,
  options: VideoWriterOptions,
  staging: Staging,
): Promise<Encoding> {
  const { title } = options;
  const save = async (bytes: Uint8Array) => {
    await writeFile(staging.path(name), bytes);
    return [name];
  };
  if (kind === "gif") {
    const gif = new GifEncoding(options);
    return { write: (frame) => gif.write(frame), finish: async (receipt) => save(gif.finish(receipt)) };
  }
  if (kind === "png") {
    const sheet = new SheetOfFrames(title);
    return { write: (frame) => sheet.add(frame), finish: async (receipt) => save(encodePng(sheet.draw(), receipt)) };
  }
  if (kind === "sequence") return sequenceEncoding(name, staging);
  await registerCodecs();
  const video = await VideoEncoding.open({ ...options, format: kind });
  return {
    write: (frame) => video.write(frame),
    finish: async (receipt) => save(await video.finish({ title, comment: receipt })),
    abort: () => video.abort(),
  };
}

/** One picture a frame, on disk at once; when the receipt is known, each gets it in place of its last 12 bytes. */
function sequenceEncoding(pattern: string, staging: Staging): Encoding {
  const names: string[] = [];
  return {
    write: async (frame) => {
      const name = sequenceName(pattern, names.length);
      await writeFile(staging.path(name), encodePng(frame));
      names.push(name);
    },
    finish: async (receipt) => {
      if (receipt === undefined) return names;
      const tail = Buffer.concat([textChunk(receiptKeyword, receipt), pngEnd]);
      for (const name of names) {
        const file = await open(staging.path(name), "r+");
        try {
          await file.write(tail, 0, tail.length, (await file.stat()).size - pngEnd.length);
        } finally {
          await file.close();
        }
      }
      return names;
    },
  };
}

async function refuseSequence(path: string, { force }: VideoWriterOptions): Promise<void> {
  if (/%/.test(dirname(path)))
    throw new MediaError("the frame number belongs into the file name, not the folder", { where: path });
  if (force) return;
  const matcher = sequenceMatcher(basename(path));
  const taken = (await namesIn(dirname(path))).find((name) => matcher.test(name));
  if (taken) await refuseExisting(join(dirname(path), taken));
}

/** A shorter series replaces a longer one as a whole: frames of the old one beyond the end go. */
async function removeTail(path: string, frames: number): Promise<void> {
  const matcher = sequenceMatcher(basename(path));
  for (const name of await namesIn(dirname(path)))
    if (Number(matcher.exec(name)?.[1] ?? -1) >= frames) await rm(join(dirname(path), name), { force: true });
}
