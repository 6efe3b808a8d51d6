/** NIQE's features (Mittal et al. 2013): statistics of locally normalised pixels in blocks, at two scales. */
import { InputError } from "../../base/errors.ts";
import { cropPlane, type Plane } from "../plane.ts";
import { resample } from "../resample.ts";
import { fitAggd } from "./aggd.ts";

/** Numbers a block: 18 at each scale. */
export const featureCount = 36;
/** Side of a block at the first scale. */
export const usualBlock = 96;

const reach = 3;
const weights = Array.from({ length: 2 * reach + 1 }, (_, tap) => Math.exp(-((tap - reach) ** 2) / (2 * (7 / 6) ** 2)));
const total = weights.reduce((a, b) => a + b, 0);
const gaussian = Float64Array.from(weights, (weight) => weight / total);

/** What rounding leaves of flat places would count as signs; 0 in any language. */
const nearlyZero = 1e-9;

interface Normalised {
  /** (I - mean) / (deviation + 1) */
  readonly mscn: Plane;
  readonly deviation: Plane;
}

function smooth({ width, height, data }: Plane): Float64Array {
  const rows = new Float64Array(data.length),
    out = new Float64Array(data.length);
  const clamp = (place: number, size: number) => Math.max(0, Math.min(size - 1, place));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let tap = -reach; tap <= reach; tap++)
        sum += gaussian[tap + reach]! * data[y * width + clamp(x + tap, width)]!;
      rows[y * width + x] = sum;
    }
  for (let y = 0; y < height; y++)
    for (let tap = -reach; tap <= reach; tap++) {
      const [weight, from] = [gaussian[tap + reach]!, clamp(y + tap, height) * width];
      for (let x = 0; x < width; x++) out[y * width + x]! += weight * rows[from + x]!;
    }
  return out;
}

function normalise(plane: Plane): Normalised {
  const { data } = plane;
  const mean = smooth(plane),
    squares = smooth({ ...plane, data: data.map((value) => value * value) });
  const deviation = squares.map((square, at) => Math.sqrt(Math.abs(square - mean[at]! ** 2)));
  const mscn = data.map((value, at) => {
    const one = (value - mean[at]!) / (deviation[at]! + 1);
    return Math.abs(one) < nearlyZero ? 0 : one;
  });
  return { mscn: { ...plane, data: mscn }, deviation: { ...plane, data: deviation } };
}

/** Neighbours whose products are fitted: right, below, and both diagonals; blocks wrap around. */
const neighbours = [
  [0, 1],
  [1, 0],
  [1, 1],
  [1, -1],
] as const;

/** 18 features of one block of normalised pixels. */
function blockFeatures(block: Float64Array, side: number): number[] {
  const { alpha, left, right } = fitAggd(block);
  const features = [alpha, (left + right) / 2];
  const product = new Float64Array(block.length);
  for (const [down, across] of neighbours) {
    for (let y = 0; y < side; y++) {
      const other = ((y - down + side) % side) * side;
      for (let x = 0; x < side; x++)
        product[y * side + x] = block[y * side + x]! * block[other + ((x - across + side) % side)]!;
    }
    const fit = fitAggd(product);
    features.push(fit.alpha, fit.eta, fit.left, fit.right);
  }
  return features;
}

export interface NiqeFeatures {
  /** Rows of 36, block by block. */
  readonly rows: readonly (readonly number[])[];
  /** Mean deviation of each block at the first scale. */
  readonly sharpness: readonly number[];
  /** Share of pixels whose surroundings are exactly flat: the more, the less exact any NIQE is. */
  readonly flat: number;
}

/** Features of a grey picture (0 to 255), cut to whole blocks from its top left. */
export function niqeFeatures(picture: Plane, block = usualBlock): NiqeFeatures {
  const [across, down] = [Math.floor(picture.width / block), Math.floor(picture.height / block)];
  if (across * down < 2)
    throw new InputError(`NIQE needs at least two blocks of ${block}x${block}, got ${picture.width}x${picture.height}`);
  const [width, height] = [across * block, down * block];
  const whole = cropPlane(picture, 0, 0, width, height);
  const rows: number[][] = Array.from({ length: across * down }, () => []);
  const sharpness: number[] = [];
  let flat = 0;
  for (const scale of [1, 2]) {
    const plane = scale === 1 ? whole : resample(whole, width / 2, height / 2, "matlabBicubic");
    const { mscn, deviation } = normalise(plane);
    const side = block / scale;
    for (const [at, row] of rows.entries()) {
      const [x, y] = [(at % across) * side, Math.floor(at / across) * side];
      row.push(...blockFeatures(cropPlane(mscn, x, y, side, side).data, side));
      if (scale === 1) {
        const { data } = cropPlane(deviation, x, y, side, side);
        sharpness.push(data.reduce((sum, value) => sum + value, 0) / data.length);
      }
    }
    if (scale === 1) flat = mscn.data.reduce((count, value) => count + (value === 0 ? 1 : 0), 0) / mscn.data.length;
  }
  return { rows, sharpness, flat };
}
