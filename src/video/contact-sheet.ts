import { InputError } from "../base/errors.ts";
import { blankFrame, type Color, drawFrame, drawText } from "./canvas.ts";
import { cell, wrapText } from "./font.ts";
import type { Frame } from "./frame.ts";
import { resizeFrame } from "./resize.ts";

export interface SheetClip {
  frames: readonly Frame[];
  /** Written above the clip's frames: the prompt, say. */
  caption?: string;
}

export interface SheetOptions {
  /** Frames shown of each clip, spread evenly over it, first and last included. */
  columns?: number;
  /** Frames are shrunk to this width; smaller ones stay as they are. */
  cellWidth?: number;
  /** Size of a font pixel. */
  textScale?: number;
  background?: Color;
  ink?: Color;
}

const gap = 6;

/** One picture of several clips: a row each, with its caption above. */
export function contactSheet(clips: readonly SheetClip[], options: SheetOptions = {}): Frame {
  const { columns = 6, cellWidth = 256, textScale = 2, background = [24, 24, 26], ink = [235, 235, 235] } = options;
  if (!clips.length || clips.some(({ frames }) => !frames.length))
    throw new InputError("a contact sheet needs at least one frame of every clip");
  const rows = clips.map(({ frames, caption }) => ({
    pictures: spread(frames, columns).map((frame) => shrink(frame, cellWidth)),
    caption: caption ?? "",
  }));
  const widths = rows.map(({ pictures }) => pictures.reduce((sum, { width }) => sum + width + gap, gap));
  const width = Math.max(...widths, 40 * cell.width);
  const limit = Math.max(1, Math.floor((width - 2 * gap) / (cell.width * textScale)));
  const lineHeight = cell.height * textScale;
  const laid = rows.map(({ pictures, caption }) => {
    const lines = wrapText(caption, limit);
    return { pictures, lines, height: lines.length * lineHeight + Math.max(...pictures.map((p) => p.height)) + gap };
  });
  const sheet = blankFrame(
    width,
    laid.reduce((sum, { height }) => sum + height, gap),
    background,
  );
  let y = gap;
  for (const { pictures, lines, height } of laid) {
    for (const [index, line] of lines.entries()) drawText(sheet, line, gap, y + index * lineHeight, ink, textScale);
    let x = gap;
    for (const picture of pictures) {
      drawFrame(sheet, picture, x, y + lines.length * lineHeight);
      x += picture.width + gap;
    }
    y += height;
  }
  return sheet;
}

/**
 * One clip whose frames come one by one: only their small versions are kept. Shows up to 16 of them, four in a row;
 * a single frame is not a clip but a picture and stays as it is.
 */
export class SheetOfFrames {
  readonly #caption: string | undefined;
  readonly #small: Frame[] = [];
  #first: Frame | undefined;

  constructor(caption?: string) {
    this.#caption = caption;
  }

  add(frame: Frame): void {
    this.#first ??= frame;
    this.#small.push(shrink(frame, 320));
  }

  draw(): Frame {
    if (!this.#first) throw new InputError("a contact sheet needs at least one frame");
    if (this.#small.length === 1) return this.#first;
    const shown = spread(this.#small, 16);
    const rows = Array.from({ length: Math.ceil(shown.length / 4) }, (_, row) => shown.slice(4 * row, 4 * row + 4));
    const clips = rows.map((frames, row) => ({ frames, caption: row ? undefined : this.#caption }));
    return contactSheet(clips, { columns: 4, cellWidth: 320 });
  }
}

function shrink(frame: Frame, width: number): Frame {
  if (frame.width <= width) return frame;
  return resizeFrame(frame, width, Math.max(1, Math.round((frame.height * width) / frame.width)), "area");
}

/** `count` of the items, evenly, with the first and the last. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  if (count === 1) return [items[0]!];
  return Array.from({ length: count }, (_, index) => items[Math.round((index * (items.length - 1)) / (count - 1))]!);
}
