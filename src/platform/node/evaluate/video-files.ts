/** Which files an evaluation looks at, and which belong to each other. */
import { readdir, stat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { draftPath } from "../generate/kept-draft.ts";
import { isVideo } from "../video/kinds.ts";

const stem = (path: string): string => basename(path, extname(path));
/** `clip.draft`, which `--keep-stages` leaves beside `clip.mp4`. */
const draftStem = (path: string): string => stem(draftPath(path));

async function videosAt(path: string): Promise<string[]> {
  const about = await stat(path).catch(() => undefined);
  if (!about?.isDirectory()) return [path];
  const names = (await readdir(path)).sort();
  const inside = names.filter(isVideo);
  if (inside.length) return inside.map((name) => join(path, name));
  if (names.some((name) => name.toLowerCase().endsWith(".png"))) return [path];
  throw new InputError("there are no videos here, and no png files", { where: path });
}

/** Videos that paths name: files, folders of videos (without kept drafts of these), and folders of png, which are one video each. */
export async function expandVideos(paths: readonly string[]): Promise<string[]> {
  const all = await Promise.all(paths.map(videosAt));
  return all.flatMap((inside) => {
    const drafts = new Set(inside.map(draftStem));
    return inside.filter((path) => !drafts.has(stem(path)));
  });
}

/**
 * The partner of a video: the one file, or the one of the same name (whatever its kind) in a folder. Where it is the
 * low resolution that is looked for, a kept draft's name goes first, in the video's own folder too.
 */
export async function partnerOf(
  file: string,
  partners: string,
  { count, isLow = false }: { readonly count: number; readonly isLow?: boolean },
): Promise<string> {
  const all = (await videosAt(partners)).filter((path) => !isLow || resolve(path) !== resolve(file));
  const called = (name: string) => all.find((path) => stem(path) === name);
  const match = (isLow ? called(draftStem(file)) : undefined) ?? called(stem(file));
  const only = all.length === 1 && count === 1 ? all[0] : undefined;
  if (match ?? only) return (match ?? only)!;
  throw new InputError(`no video there is called ${stem(file)}${isLow ? ` or ${draftStem(file)}` : ""}`, {
    where: partners,
    hint: "pairs have the same name in both folders",
  });
}
