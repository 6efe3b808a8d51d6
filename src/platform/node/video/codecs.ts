import { Logging, LogLevel } from "mediabunny";
import { UnsupportedError } from "../../../base/errors.ts";

let registration: Promise<void> | undefined;

/**
 * Gives mediabunny the encoders and decoders of this process: FFmpeg's libraries, linked into a Node addon. It is
 * loaded only when a video is written or read, because it is large and does not exist for every platform.
 */
export function registerCodecs(): Promise<void> {
  registration ??= register();
  return registration;
}

async function register(): Promise<void> {
  Logging.level = LogLevel.Silent; // what matters comes as an error
  const server = await import("@mediabunny/server").catch((cause) => {
    throw new UnsupportedError(`no video codecs here (${process.platform} ${process.arch})`, {
      hint: "write .gif, .png or frames/%05d.png; or run npm install again, without --omit=optional",
      cause,
    });
  });
  server.registerMediabunnyServer();
}
