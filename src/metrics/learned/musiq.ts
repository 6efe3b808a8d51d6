/** MUSIQ's input (Ke et al. 2021): patches of a picture at three scales, with their places on a common grid. */
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { halfToEven, type Plane } from "../plane.ts";
import { resample } from "../resample.ts";

const patch = 32,
  grid = 10;
/** Longer sides of the two smaller scales, and the tokens that they are padded to. */
const scales = [
  { side: 224, tokens: 49 },
  { side: 384, tokens: 144 },
];

export interface MusiqInput {
  /** [1, T, 3072], a patch's numbers in order row, column, channel; values from -1 to 1, 0 beyond the picture. */
  readonly patches: HostTensor;
  /** Place on a grid of 10 x 10, and which scale, [1, T] each. */
  readonly pos: HostTensor;
  readonly scale: HostTensor;
  /** 1 where there is a patch, [1, T]. */
  readonly mask: HostTensor;
}

/** Three channels of bytes to patches at 224, at 384, and at the picture's own size. */
export function musiqInput(planes: readonly Plane[]): MusiqInput {
  const { width, height } = planes[0]!;
  const rows: Float32Array[] = [],
    places: number[] = [],
    levels: number[] = [],
    present: number[] = [];
  const add = (picture: readonly Plane[], level: number, tokens?: number) => {
    const cut = patchesOf(picture);
    const count = tokens ?? cut.length;
    for (let at = 0; at < count; at++) {
      const one = cut[at];
      rows.push(one?.numbers ?? new Float32Array(patch * patch * 3));
      places.push(one?.place ?? 0);
      levels.push(level);
      present.push(one ? 1 : 0);
    }
  };
  for (const [level, { side, tokens }] of scales.entries()) {
    const ratio = side / Math.max(width, height);
    const [across, down] = [halfToEven(width * ratio), halfToEven(height * ratio)];
    add(
      planes.map((plane) => resample(plane, across, down, "torchBicubic")),
      level,
      tokens,
    );
  }
  add(planes, scales.length);
  const patches = new Float32Array(rows.length * patch * patch * 3);
  for (const [at, row] of rows.entries()) patches.set(row, at * row.length);
  const numbers = (values: readonly number[]) => hostTensor(Int32Array.from(values), [1, values.length]);
  return {
    patches: hostTensor(patches, [1, rows.length, patch * patch * 3]),
    pos: numbers(places),
    scale: numbers(levels),
    mask: numbers(present),
  };
}

/** Patches in rows; the picture is padded on all sides to whole ones, the odd pixel at the end. */
function patchesOf(planes: readonly Plane[]): { numbers: Float32Array; place: number }[] {
  const { width, height } = planes[0]!;
  const [across, down] = [Math.ceil(width / patch), Math.ceil(height / patch)];
  const [left, top] = [(across * patch - width) >> 1, (down * patch - height) >> 1];
  const out: { numbers: Float32Array; place: number }[] = [];
  for (let row = 0; row < down; row++)
    for (let column = 0; column < across; column++) {
      const numbers = new Float32Array(patch * patch * 3);
      for (let y = 0; y < patch; y++)
        for (let x = 0; x < patch; x++) {
          const [px, py] = [column * patch + x - left, row * patch + y - top];
          if (px < 0 || py < 0 || px >= width || py >= height) continue;
          for (let channel = 0; channel < 3; channel++)
            numbers[(y * patch + x) * 3 + channel] = (2 * planes[channel]!.data[py * width + px]!) / 255 - 1;
        }
      const place = Math.floor((grid * row) / down) * grid + Math.floor((grid * column) / across);
      out.push({ numbers, place });
    }
  return out;
}
