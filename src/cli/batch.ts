/** Several videos of one command: a file of prompts, several seeds. */
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import type { SeededRequest } from "../platform/node/generate/prepare.ts";

export interface BatchFlags {
  /** A text file with a prompt a line. */
  readonly prompts?: string;
  /** Videos of each prompt, with seeds that follow each other. */
  readonly numVideos?: number;
}

/**
 * The requests of a command, in order. Outputs that are named get the number of the video before their ending.
 * @throws InputError for a prompt beside a file of prompts, and for a file that cannot be read or has none
 */
export async function requestsOf(
  request: SeededRequest,
  { prompts: path, numVideos = 1 }: BatchFlags,
): Promise<SeededRequest[]> {
  if (path !== undefined && request.prompt !== undefined)
    throw new InputError("give a prompt or a file of prompts, not both");
  const prompts = path === undefined ? [request.prompt] : await readPrompts(path);
  const count = prompts.length * numVideos;
  return Array.from({ length: count }, (_, i) => {
    const prompt = prompts[Math.floor(i / numVideos)];
    return {
      ...request,
      ...(prompt === undefined ? {} : { prompt }),
      seed: request.seed + (i % numVideos),
      ...(request.output !== undefined && count > 1 ? { output: counted(request.output, i + 1) } : {}),
    };
  });
}

/** Lines without blank ones and without comments (`#`). */
async function readPrompts(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("this file of prompts cannot be read", { where: path, cause });
  });
  const prompts = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  if (!prompts.length) throw new InputError("this file has no prompts", { where: path, hint: "one a line" });
  return prompts;
}

/** `out.mp4` and 2 give `out-2.mp4`; `frames/%05d.png` gives `frames-2/%05d.png`. */
function counted(output: string, number: number): string {
  const [folder, name] = [dirname(output), basename(output)];
  if (name.includes("%")) return join(`${folder === "." ? "frames" : folder}-${number}`, name);
  return join(
    folder,
    name.replace(/(\.[^.]+)?$/, (ending) => `-${number}${ending}`),
  );
}
