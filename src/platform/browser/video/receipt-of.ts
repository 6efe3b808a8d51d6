import { BlobSource } from "mediabunny";
import { MediaError } from "../../../base/errors.ts";
import { parseReceipt, type Receipt } from "../../../schema/receipt.ts";
import { readGif } from "../../../video/gif.ts";
import { readPngText, receiptKeyword } from "../../../video/png-text.ts";
import { VideoDecoding } from "../../../video/video-decode.ts";

/** The receipt inside an mp4, webm, gif or png that turbo2k wrote. @throws MediaError where there is none */
export async function receiptOf(file: Blob, name = "name" in file ? String(file.name) : "this file"): Promise<Receipt> {
  const text = await receiptText(file, name);
  if (text === undefined)
    throw new MediaError("there is no receipt in this file", {
      where: name,
      hint: "only files that turbo2k wrote have one, and some programs drop it when they save a copy",
    });
  return parseReceipt(text, name);
}

async function receiptText(file: Blob, name: string): Promise<string | undefined> {
  const start = new TextDecoder("latin1").decode(await file.slice(0, 4).arrayBuffer());
  const bytes = async () => new Uint8Array(await file.arrayBuffer());
  if (start === "\x89PNG") return readPngText(await bytes(), receiptKeyword, name);
  if (start === "GIF8") return readGif(await bytes(), name).comment;
  const video = new VideoDecoding(new BlobSource(file), name);
  try {
    return (await video.tags()).comment;
  } finally {
    video.close();
  }
}
