import { registerMediabunnyServer } from "@mediabunny/server";
import { Logging, LogLevel } from "mediabunny";

let registered = false;

/** Gives mediabunny the encoders and decoders of this process (FFmpeg's libraries, linked into a Node addon). */
export function registerCodecs(): void {
  if (registered) return;
  registered = true;
  Logging.level = LogLevel.Silent; // what matters comes as an error
  registerMediabunnyServer();
}
