/** The first samples of every arm, uncurated, side by side. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { blankFrame, drawFrame } from "../../../video/canvas.ts";
import { contactSheet, type SheetClip } from "../../../video/contact-sheet.ts";
import type { Frame } from "../../../video/frame.ts";
import { decodePng, encodePng } from "../../../video/png.ts";
import { cropFrame } from "../../../video/resize.ts";
import { makeFolder } from "../files/make-folder.ts";

/** Samples that are shown: the first eight, whatever they look like. */
export const shown = 8;

const pathOf = (folder: string, arm: string): string => join(folder, "samples", `${arm}.png`);

/** Middle frames of the first clips in a row, to be laid out later. */
export async function keepSamples(folder: string, arm: string, clips: readonly (readonly Frame[])[]): Promise<void> {
  const frames = clips.slice(0, shown).map((frames) => frames[frames.length >> 1]!);
  const { width, height } = frames[0]!;
  const strip = blankFrame(width * frames.length, height);
  for (const [i, frame] of frames.entries()) drawFrame(strip, frame, i * width, 0);
  await makeFolder(join(folder, "samples"));
  await writeFile(pathOf(folder, arm), encodePng(strip));
}

async function samplesOf(folder: string, arm: string): Promise<Frame[] | undefined> {
  const bytes = await readFile(pathOf(folder, arm)).catch(() => undefined);
  if (!bytes) return undefined;
  const strip = decodePng(bytes);
  const side = strip.height;
  return Array.from({ length: strip.width / side }, (_, i) =>
    cropFrame(strip, { x: i * side, y: 0, width: side, height: side }),
  );
}

/** A row a prompt, a column an arm; arms that have no samples are left out. Answers the columns. */
export async function writeSheet(
  folder: string,
  arms: readonly string[],
  captions: readonly string[],
  target: string,
): Promise<string[]> {
  const found: { arm: string; frames: Frame[] }[] = [];
  for (const arm of arms) {
    const frames = await samplesOf(folder, arm);
    if (frames) found.push({ arm, frames });
  }
  if (!found.length) return [];
  const rows: SheetClip[] = captions.slice(0, found[0]!.frames.length).map((caption, row) => ({
    caption,
    frames: found.flatMap(({ frames }) => frames[row] ?? []),
  }));
  const sheet = contactSheet(rows, { columns: found.length, cellWidth: 96, textScale: 1 });
  await writeFile(target, encodePng(sheet));
  return found.map(({ arm }) => arm);
}
