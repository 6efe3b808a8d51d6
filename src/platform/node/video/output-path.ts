import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { isThere } from "../files/is-there.ts";
import { numbered } from "./staging.ts";

export type OutputKind = "mp4" | "webm" | "gif" | "png" | "sequence";

const counterPattern = /%(0?)(\d*)d/;

/** What a path asks for, by its ending: `frames/%05d.png` is one picture a frame, `sheet.png` a contact sheet. */
export function outputKind(path: string): OutputKind {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase();
  if (ending === "png") return counterPattern.test(path) ? "sequence" : "png";
  if (ending === "mp4" || ending === "webm" || ending === "gif") return ending;
  throw new InputError(`cannot tell the format of ${JSON.stringify(path)}`, {
    hint: "name a file ending in .mp4, .webm, .gif or .png, or a series such as frames/%05d.png",
  });
}

/** The file name of one frame in a series: `%05d.png` and 7 give `00007.png`. */
export function sequenceName(pattern: string, index: number): string {
  return pattern.replace(counterPattern, (_, zero, width) => String(index).padStart(Number(width || 0), zero || " "));
}

/** Matches the file names of a series; the number is group 1. */
export function sequenceMatcher(pattern: string): RegExp {
  const [before, after] = pattern.split(counterPattern.exec(pattern)![0]);
  const quote = (text = "") => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${quote(before)} *(\\d+)${quote(after)}$`);
}

export interface DefaultPathOptions {
  folder?: string;
  extension?: string;
  now?: Date;
}

/** `outputs/2025-01-31/a-red-ball-42.mp4`; a counter is added (`-2`) until no file has that name. */
export async function defaultOutputPath(
  prompt: string,
  seed: number,
  options: DefaultPathOptions = {},
): Promise<string> {
  const { folder = "outputs", extension = "mp4", now = new Date() } = options;
  const date = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0"));
  const path = join(folder, date.join("-"), `${slug(prompt)}-${seed}.${extension}`);
  let free = path;
  for (let count = 2; await isThere(free); count++) free = numbered(path, count);
  return free;
}

/** Letters and digits of any script, words joined by dashes, about 48 characters. */
function slug(prompt: string): string {
  const words =
    prompt
      .normalize("NFC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  let text = "";
  for (const word of words) {
    const longer = text ? `${text}-${word}` : word;
    if (text && longer.length > 48) break;
    text = longer;
  }
  return Array.from(text).slice(0, 48).join("") || "video";
}
