import { UnsupportedError } from "../../../base/errors.ts";
import { type VideoEncodeOptions, VideoEncoding, type VideoFormat } from "../../../video/video-encode.ts";

/** An mp4 plays everywhere; some builds of Chromium and Firefox lack the encoder for it, and write a webm instead. */
export async function openEncoding(
  options: Omit<VideoEncodeOptions, "format">,
): Promise<{ encoding: VideoEncoding; format: VideoFormat }> {
  if (!("VideoEncoder" in globalThis))
    throw new UnsupportedError("this browser cannot encode video (it has no WebCodecs here)", {
      hint: "open the page over https or on localhost, in a current browser",
    });
  try {
    return { encoding: await VideoEncoding.open({ ...options, format: "mp4" }), format: "mp4" };
  } catch (cause) {
    if (!(cause instanceof UnsupportedError)) throw cause;
    return { encoding: await VideoEncoding.open({ ...options, format: "webm" }), format: "webm" };
  }
}
