import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { FilePathSource } from "mediabunny";
import { InputError, MediaError } from "../../../base/errors.ts";
import { parseReceipt, type Receipt } from "../../../schema/receipt.ts";
import type { Frame } from "../../../video/frame.ts";
import { readGif } from "../../../video/gif.ts";
import { decodeJpeg } from "../../../video/jpeg.ts";
import { decodePng } from "../../../video/png.ts";
import { readPngText, receiptKeyword } from "../../../video/png-text.ts";
import { coverFrame, type ResizeMethod } from "../../../video/resize.ts";
import { type VideoDecodeOptions, VideoDecoding, type VideoInfo } from "../../../video/video-decode.ts";
import { registerCodecs } from "./codecs.ts";
import { fileError } from "./file-error.ts";
import { sequenceMatcher } from "./output-path.ts";

export interface ReadVideoOptions extends VideoDecodeOptions {
  /** Scale and crop every frame to this size; both or none. */
  width?: number;
  height?: number;
  method?: ResizeMethod;
}

/**
 * Frames of a video file (mp4, mov, webm, mkv), of a folder of png files or a series (`frames/%05d.png`), or of one
 * png or jpeg; read and decoded as they are asked for.
 */
export async function* readVideo(path: string, options: ReadVideoOptions = {}): AsyncGenerator<Frame> {
  const { width, height, method } = options;
  if ((width === undefined) !== (height === undefined)) throw new InputError("give both width and height, or none");
  for await (const frame of await openFrames(path, options))
    yield width && height ? coverFrame(frame, width, height, method) : frame;
}

/** Size, rate and number of frames of a video file. */
export async function probeVideo(path: string): Promise<VideoInfo> {
  return withVideo(path, (video) => video.info());
}

/** Decodes all of a video file and says what it is; throws where it is damaged. */
export async function checkVideo(path: string): Promise<VideoInfo> {
  return withVideo(path, (video) => video.check());
}

/** One picture: png or jpeg. */
export async function readImage(path: string): Promise<Frame> {
  const bytes = await readBytes(path);
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? decodeJpeg(bytes, path) : decodePng(bytes, path);
}

/** The receipt inside an mp4, webm, gif or png; of a folder or series of png, the one in its first frame. */
export async function readReceipt(path: string): Promise<Receipt> {
  const text = await receiptText(path);
  if (text === undefined)
    throw new MediaError("there is no receipt in this file", {
      where: path,
      hint: "only files that turbo2k wrote have one, and some programs drop it when they save a copy",
    });
  return parseReceipt(text, path);
}

async function receiptText(path: string): Promise<string | undefined> {
  const series = await seriesOf(path);
  if (series) return readPngText(await readBytes(series[0]!), receiptKeyword, series[0]!);
  switch (await kindOf(path)) {
    case "png":
      return readPngText(await readBytes(path), receiptKeyword, path);
    case "gif":
      return readGif(await readBytes(path), path).comment;
    default:
      return withVideo(path, async (video) => (await video.tags()).comment);
  }
}

async function openFrames(path: string, options: ReadVideoOptions): Promise<AsyncIterable<Frame>> {
  const series = await seriesOf(path);
  const kind = series ? "png" : await kindOf(path);
  if (kind === "gif")
    throw new MediaError("gif files can be written, not read", { where: path, hint: "convert it to mp4 first" });
  if (kind === "png" || kind === "jpeg") {
    if (options.fps !== undefined)
      throw new InputError("pictures have no frame rate to convert from", { where: path, hint: "leave fps out" });
    return pictures(series ?? [path], options.limit);
  }
  return videoFrames(path, options);
}

async function* pictures(paths: readonly string[], limit = Infinity): AsyncGenerator<Frame> {
  for (const [index, path] of paths.entries()) {
    if (index >= limit) return;
    yield await readImage(path);
  }
}

async function* videoFrames(path: string, options: VideoDecodeOptions): AsyncGenerator<Frame> {
  const video = await openVideo(path);
  try {
    yield* video.frames(options);
  } finally {
    video.close();
  }
}

async function withVideo<T>(path: string, use: (video: VideoDecoding) => Promise<T>): Promise<T> {
  await kindOf(path); // a missing file is said in our words
  const video = await openVideo(path);
  try {
    return await use(video);
  } finally {
    video.close();
  }
}

async function openVideo(path: string): Promise<VideoDecoding> {
  await registerCodecs();
  return new VideoDecoding(new FilePathSource(path), path);
}

/** The files of a folder or of a series in the order of their numbers; undefined where the path is one file. */
async function seriesOf(path: string): Promise<string[] | undefined> {
  const isPattern = /%0?\d*d/.test(basename(path));
  const folder = isPattern ? dirname(path) : path;
  if (!isPattern && !(await stat(path).catch(() => undefined))?.isDirectory()) return undefined;
  const matcher = isPattern ? sequenceMatcher(basename(path)) : undefined;
  const all = await readdir(folder).catch((cause) => {
    throw fileError(cause, folder, "read");
  });
  const names = all
    .filter((name) => (matcher ? matcher.test(name) : extname(name).toLowerCase() === ".png"))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (!names.length) throw new MediaError("there are no png files here", { where: path });
  return names.map((name) => join(folder, name));
}

/** By the first bytes, not by the name. */
async function kindOf(path: string): Promise<"png" | "gif" | "jpeg" | "video"> {
  try {
    const file = await open(path);
    try {
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
      if (buffer.toString("latin1") === "\x89PNG") return "png";
      if (buffer[0] === 0xff && buffer[1] === 0xd8) return "jpeg";
      return buffer.toString("latin1") === "GIF8" ? "gif" : "video";
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError(cause, path, "read");
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause) => {
    throw fileError(cause, path, "read");
  });
}
