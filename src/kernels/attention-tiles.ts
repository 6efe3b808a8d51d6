/** What attention's shaders have in common: tiles of rows, who has which of their elements, and where operands lie. */
import type { Shape } from "../tensor/dtype.ts";
import { f32Literal, inBands, type Span, type WgslDevice } from "./wgsl.ts";

/** Lanes side by side share rows: each takes every eighth row of the other side and every eighth vec4 of channels. */
export const across = 8;
const widest = 256;

/** A workgroup keeps rows of its own and walks over those of the other side. */
export interface Tile {
  readonly own: number;
  readonly others: number;
  /** Own rows of a lane. */
  readonly rows: number;
}

const tiles: readonly Tile[] = [
  { own: 64, others: 32, rows: 4 },
  { own: 32, others: 32, rows: 4 },
  { own: 32, others: 16, rows: 4 },
  { own: 16, others: 16, rows: 2 },
  { own: 8, others: 8, rows: 1 },
];
const smallest = tiles.at(-1)!;

/** Lanes of a workgroup. */
export const lanesOf = ({ own, rows }: Tile): number => (own / rows) * across;

/** Vec4s from one row to the next in workgroup memory: one more than a row needs, against bank conflicts. */
export const strideOf = (width: number): number => width / 4 + 1;

/** Bytes of workgroup memory where so many tiles of own rows are held, one of others, and a number for each pair. */
const bytesOf = ({ own, others }: Tile, width: number, held: number): number =>
  16 * (held * own + others) * strideOf(width) + 4 * own * (others + 1);

/** Whether heads of this width can be streamed. */
export const streams = (device: WgslDevice, width: number, held: number): boolean =>
  width % 4 === 0 && width <= widest && bytesOf(smallest, width, held) <= device.workgroupBytes;

/** The largest tile that fits the device, and that the rows fill. */
export const chooseTile = (device: WgslDevice, width: number, held: number, rows: number): Tile =>
  tiles.find(
    (tile) =>
      !device.isSoftware &&
      bytesOf(tile, width, held) <= device.workgroupBytes &&
      lanesOf(tile) <= device.lanes &&
      tile.own < 2 * rows,
  ) ?? smallest;

/** What workgroups store that have `own` queries of a head each: with several heads, parts of all rows of a batch. */
export const storesOf = (heads: number, rows: number, channels: number, own: number): ((groups: Span) => Span) =>
  heads === 1 ? inBands(rows, channels, own) : inBands(rows, channels, rows, heads * Math.ceil(rows / own));

/** WGSL of the vec4 of channels that a lane has as its number `c`. */
export const ownQuad = (quads: number, c: number): string =>
  quads % across ? `min(own + ${c * across}u, ${quads - 1}u)` : `own + ${c * across}u`;

/** WGSL of the flat index of a bias that broadcasts to [batch, heads, rows, keys]. */
export function biasIndex(shape: Shape): string {
  const names = ["batch", "head", "row", "key"];
  let step = 1;
  const terms: string[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1) terms.unshift(`${names[axis + 4 - shape.length]} * ${step}u`);
    step *= shape[axis]!;
  }
  return terms.join(" + ") || "0u";
}

/** WGSL of `masked`: a logit with its bias, or the lowest number outside of the rows and keys. */
export const maskedFunction = (rows: number, keys: number, bias: Shape | undefined): string => `
fn masked(score: f32, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= ${keys}u || row >= ${rows}u) { return ${f32Literal(Number.NEGATIVE_INFINITY)}; }
  return score${bias ? ` + load3(${biasIndex(bias)})` : ""};
}`;
