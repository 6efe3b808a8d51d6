import { glyph } from "./font.ts";
import type { Frame } from "./frame.ts";

export type Color = readonly [red: number, green: number, blue: number];

/** A frame of one colour, to draw on. */
export function blankFrame(width: number, height: number, color: Color = [255, 255, 255]): Frame {
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < data.length; at += 3) data.set(color, at);
  return { width, height, data };
}

/** Mixes a colour into one pixel; outside the frame nothing happens. */
export function drawPoint(frame: Frame, x: number, y: number, color: Color, opacity = 1): void {
  if (x < 0 || y < 0 || x >= frame.width || y >= frame.height) return;
  const at = (y * frame.width + x) * 3;
  for (let channel = 0; channel < 3; channel++) {
    const old = frame.data[at + channel]!;
    frame.data[at + channel] = Math.round(old + (color[channel]! - old) * opacity);
  }
}

export function drawRectangle(frame: Frame, x: number, y: number, width: number, height: number, color: Color): void {
  for (let row = y; row < y + height; row++)
    for (let column = x; column < x + width; column++) drawPoint(frame, column, row, color);
}

/** Copies a picture into another one; what lies outside is cut off. */
export function drawFrame(frame: Frame, picture: Frame, x: number, y: number): void {
  const width = Math.min(picture.width, frame.width - x);
  for (let row = 0; row < Math.min(picture.height, frame.height - y); row++) {
    const from = row * picture.width * 3;
    frame.data.set(picture.data.subarray(from, from + width * 3), ((y + row) * frame.width + x) * 3);
  }
}

/** One line of text, its top left corner at x, y; `scale` is the size of a font pixel. */
export function drawText(frame: Frame, text: string, x: number, y: number, color: Color, scale = 1): void {
  let left = x;
  for (const character of text) {
    for (const [column, bits] of glyph(character).entries())
      for (let row = 0; row < 8; row++)
        if ((bits >> row) & 1) drawRectangle(frame, left + column * scale, y + row * scale, scale, scale, color);
    left += 6 * scale;
  }
}

/** A straight line with smooth edges: a pixel is covered as far as it lies within half the width. */
export function drawLine(
  frame: Frame,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  color: Color,
  width = 1.5,
): void {
  const reach = width / 2 + 1;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  for (let y = Math.floor(Math.min(y0, y1) - reach); y <= Math.max(y0, y1) + reach; y++) {
    for (let x = Math.floor(Math.min(x0, x1) - reach); x <= Math.max(x0, x1) + reach; x++) {
      const along = squared ? Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / squared)) : 0;
      const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
      const coverage = Math.min(1, width / 2 + 0.5 - distance);
      if (coverage > 0) drawPoint(frame, x, y, color, coverage);
    }
  }
}
