/** Figures as people say them. */
import type { Receipt } from "../src/schema/receipt.ts";

export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

export const sizeOf = ({ width, height }: Pick<Receipt, "width" | "height">): string => `${width} × ${height}`;

/** One line below a picture: `512 × 288, 3.1 s, seed 7`. */
export const summaryOf = (receipt: Receipt): string =>
  `${sizeOf(receipt)}, ${duration(receipt.frames / receipt.fps)}, seed ${receipt.seed}`;

/** A file name from a prompt: letters and digits of any script. */
export function fileName({ prompt, seed }: Receipt, type: string): string {
  const words =
    prompt
      .normalize("NFC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return `${Array.from(words.join("-")).slice(0, 48).join("") || "video"}-${seed}.${type.includes("webm") ? "webm" : "mp4"}`;
}
