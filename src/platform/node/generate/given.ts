/** Pictures and clips that a request gives. */
import { basename } from "node:path";
import { InputError, MediaError } from "../../../base/errors.ts";
import { compression } from "../../../models/ltx-vae/config.ts";
import type { Condition } from "../../../pipelines/conditioning.ts";
import type { VideoSize } from "../../../pipelines/latents.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { usualTail } from "../../../pipelines/resolve.ts";
import type { Receipt } from "../../../schema/receipt.ts";
import { type GenerateRequest, parseExtend, parseImage } from "../../../schema/request.ts";
import type { Frame } from "../../../video/frame.ts";
import { hashFiles } from "../cache/file-hash.ts";
import { fileError } from "../video/file-error.ts";
import { readImage, readVideo } from "../video/read.ts";

type GivenFile = NonNullable<Receipt["given"]>[number];

/** A condition with what a receipt says of it. */
export interface Given {
  readonly condition: Condition;
  readonly file: GivenFile;
}

/** @throws InputError for files that cannot be read, are no pictures or videos, or lie outside the video */
export async function openGiven(
  asked: Pick<GenerateRequest, "image" | "extend">,
  made: VideoSize,
  model: Pick<TextToVideoModel, "vae">,
): Promise<Given[]> {
  return readGiven(asked, made, model).catch((cause: unknown) => {
    if (!(cause instanceof MediaError)) throw cause;
    throw new InputError(cause.message, { ...(cause.hint ? { hint: cause.hint } : {}), cause });
  });
}

async function readGiven(
  { image = [], extend }: Pick<GenerateRequest, "image" | "extend">,
  made: VideoSize,
  model: Pick<TextToVideoModel, "vae">,
): Promise<Given[]> {
  const given: Given[] = [];
  if (extend !== undefined) given.push(await openVideo(extend, made, model));
  for (const text of image) {
    const { path, frame, strength } = parseImage(text);
    if (frame >= made.frames)
      throw new InputError(`frame ${frame} is outside the video`, {
        where: path,
        hint: `its last one is ${made.frames - 1}`,
      });
    const frames = [await readGivenImage(path)];
    const sha256 = await hashFiles([path]);
    const file = { name: basename(path), sha256, kind: "image", frames: 1, frame, strength } as const;
    given.push({ condition: { frames, frame, strength }, file });
  }
  return given;
}

/** A file that is not there may be one with a place that was not understood. */
async function readGivenImage(path: string): Promise<Frame> {
  try {
    return await readImage(path);
  } catch (cause) {
    if (!(cause instanceof InputError && /@|:[\d.]+$/.test(path))) throw cause;
    const hint = "an image is FILE, FILE@FRAME or FILE@FRAME:STRENGTH: start.png@0:0.5";
    throw new InputError(cause.message, { hint, cause });
  }
}

/** The last frames of a video, as the first ones of the new. */
async function openVideo(text: string, made: VideoSize, { vae }: Pick<TextToVideoModel, "vae">): Promise<Given> {
  const { path, frames: asked } = parseExtend(text);
  const [t] = compression(vae.config);
  const most = Math.min(asked ?? usualTail, made.frames - t);
  let tail: Frame[] = [];
  for await (const frame of readVideo(path)) {
    tail.push(frame);
    if (tail.length > most) tail.shift();
  }
  const count = tail.length - ((tail.length - 1) % t);
  if (count < 1 || (asked !== undefined && count !== asked))
    throw new InputError(`${asked ?? 1} frames cannot begin a video of ${made.frames}`, {
      where: path,
      hint: `give ${t}k+1 frames, at most ${made.frames - t} and what the file has`,
    });
  tail = tail.slice(-count);
  const file = { name: basename(path), sha256: await hashFiles([path]), kind: "video", frames: count } as const;
  return { condition: { frames: tail, frame: 0, strength: 1 }, file: { ...file, frame: 0, strength: 1 } };
}

/** The same files again, found among those named now. @throws InputError that says which are missing */
export async function givenAgain(
  made: readonly GivenFile[],
  { image = [], extend }: Pick<GenerateRequest, "image" | "extend">,
): Promise<Pick<GenerateRequest, "image" | "extend">> {
  const paths = [...image.map((text) => parseImage(text).path), ...(extend ? [parseExtend(extend).path] : [])];
  const hash = (path: string) =>
    hashFiles([path]).catch((cause: unknown) => {
      throw fileError(cause, path, "read");
    });
  const here = new Map(await Promise.all(paths.map(async (path) => [await hash(path), path] as const)));
  const missing = made.filter(({ sha256 }) => !here.has(sha256));
  if (missing.length)
    throw new InputError(`this video was made from ${missing.map(({ name }) => name).join(", ")}`, {
      hint: missing.map(({ kind }) => `--${kind === "image" ? "image" : "extend"} FILE`).join(" "),
    });
  const video = made.find(({ kind }) => kind === "video");
  return {
    image: made
      .filter(({ kind }) => kind === "image")
      .map(({ sha256, frame, strength }) => `${here.get(sha256)}@${frame}:${strength}`),
    ...(video ? { extend: `${here.get(video.sha256)}:${video.frames}` } : {}),
  };
}
