import jpeg from "jpeg-js";
import { MediaError } from "../base/errors.ts";
import type { Frame } from "./frame.ts";
import { rotateFrame } from "./resize.ts";

/** A JPEG picture, turned as its Exif orientation asks. `where` names the file in errors. */
export function decodeJpeg(bytes: Uint8Array, where?: string): Frame {
  let decoded: { width: number; height: number; data: Uint8Array };
  try {
    decoded = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: 300,
      maxMemoryUsageInMB: 4096,
    });
  } catch (cause) {
    throw new MediaError(`this jpeg is damaged or of an unknown kind: ${(cause as Error).message}`, { where, cause });
  }
  const { width, height, data } = decoded;
  return oriented(
    { width, height, data: new Uint8Array(data.buffer, data.byteOffset, width * height * 3) },
    orientationOf(bytes),
  );
}

/** Exif's eight: 1 as it is, 3 half a turn, 6 and 8 a quarter turn right and left; 2, 4, 5 and 7 are those mirrored. */
function oriented(frame: Frame, orientation: number): Frame {
  const degrees = ({ 3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270 } as const)[orientation as 3] ?? 0;
  const turned = rotateFrame(frame, degrees);
  return [2, 4, 5, 7].includes(orientation) ? mirrored(turned) : turned;
}

function mirrored({ width, height, data }: Frame): Frame {
  const out = new Uint8Array(data.length);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const x = pixel % width;
    const from = (pixel - x + width - 1 - x) * 3;
    out.set(data.subarray(from, from + 3), pixel * 3);
  }
  return { width, height, data: out };
}

/** The orientation in the Exif segment (APP1, a TIFF directory inside), 1 where there is none or it cannot be read. */
function orientationOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    for (let at = 2; view.getUint8(at) === 0xff && view.getUint8(at + 1) !== 0xda; ) {
      const [marker, length] = [view.getUint8(at + 1), view.getUint16(at + 2)];
      if (marker === 0xe1 && view.getUint32(at + 4) === 0x45786966) return tiffOrientation(view, at + 10);
      at += 2 + length;
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
  }
  return 1;
}

const orientationTag = 0x0112;

function tiffOrientation(view: DataView, start: number): number {
  const little = view.getUint16(start) === 0x4949;
  const directory = start + view.getUint32(start + 4, little);
  for (let entry = 0; entry < view.getUint16(directory, little); entry++) {
    const at = directory + 2 + 12 * entry;
    if (view.getUint16(at, little) === orientationTag) return view.getUint16(at + 8, little);
  }
  return 1;
}
