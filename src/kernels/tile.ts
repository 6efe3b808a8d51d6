/**
 * Matrix products in WGSL: a workgroup computes one tile of the result from slices of both operands that it brings
 * to workgroup memory, each lane a small block of it in registers.
 */
import { matrixKernel } from "./tile-matrix.ts";
import { loader, type Product, type TileOperand } from "./tile-operand.ts";
import { inBands, unroll, type WgslDevice, type WgslKernel } from "./wgsl.ts";

interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** Rows and columns of a lane's block. */
  readonly block: readonly [number, number];
}

const wide: Tile = { rows: 128, columns: 128, inner: 16, block: [8, 8] };
const middle: Tile = { rows: 64, columns: 64, inner: 16, block: [4, 4] };
const small: Tile = { rows: 32, columns: 32, inner: 16, block: [4, 4] };
const flat: Tile = { rows: 8, columns: 64, inner: 16, block: [2, 4] };

/** Workgroups below this leave a large device idle. */
const fewGroups = 64;

export function chooseTile(device: WgslDevice, { sheets, rows, columns }: Product): Tile {
  if (rows <= 8) return flat;
  const groups = (tile: Tile) => sheets * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
  const fits = (tile: Tile) => 4 * (tile.rows + tile.columns) * tile.inner <= device.workgroupBytes;
  if (fits(wide) && groups(wide) >= fewGroups) return wide;
  return groups(middle) >= fewGroups / 4 ? middle : small;
}

/** Into how many parts a long inner axis is cut so that a small result keeps a device busy. */
export function partsOf(device: WgslDevice, product: Product): number {
  if (isDirect(device, product)) return 1;
  const tile = chooseTile(device, product);
  const groups = product.sheets * Math.ceil(product.rows / tile.rows) * Math.ceil(product.columns / tile.columns);
  if (groups >= fewGroups || product.inner < 2048) return 1;
  return Math.min(Math.ceil(fewGroups / groups), Math.floor(product.inner / 512));
}

/** Products of fewer multiply-adds than this are not worth a tile. */
const tiny = 1 << 15;

/** Whether a lane an element is all that it takes. */
export const isDirect = (device: WgslDevice, { sheets, rows, columns, inner }: Product): boolean =>
  device.isSoftware || sheets * rows * columns * inner <= tiny;

/** A lane an element, straight from memory. */
function directKernel({ sheets, rows, columns, inner, left, right, loads = [0, 1] }: Product): WgslKernel {
  const size = sheets * rows * columns;
  const four = [left, right].every((operand) => operand.four && operand.along === "inner");
  const term = four
    ? "dot(fourLeft(sheet, row, k), fourRight(sheet, column, k))"
    : "elementLeft(sheet, row, k) * elementRight(sheet, column, k)";
  const code = `${loader("Left", { ...left, four }, loads[0], "row", rows, inner)}
${loader("Right", { ...right, four }, loads[1], "column", columns, inner)}
fn work(group: u32, lane: u32) {
  let at = group * 64u + lane;
  if (at >= ${size}u) { return; }
  let column = at % ${columns}u;
  let row = at / ${columns}u % ${rows}u;
  let sheet = at / ${rows * columns}u;
  var sum = 0.0f;
  for (var k = 0u; k < ${inner}u; k += ${four ? 4 : 1}u) { sum += ${term}; }
  store(at, sum);
}`;
  const groups = Math.ceil(size / 64);
  return { variant: "a lane an element", code, lanes: 64, groups, stores: inBands(size, 1, 64) };
}

export function productKernel(device: WgslDevice, product: Product): WgslKernel {
  if (isDirect(device, product)) return directKernel(product);
  const onMatrixUnits = matrixKernel(device, product);
  if (onMatrixUnits) return onMatrixUnits;
  const tile = chooseTile(device, product);
  const { sheets, rows, columns, inner, left, right, parts = 1, loads = [0, 1] } = product;
  const [blockRows, blockColumns] = tile.block;
  const [across, down] = [tile.columns / blockColumns, tile.rows / blockRows];
  const lanes = across * down;
  const [tilesDown, tilesAcross] = [Math.ceil(rows / tile.rows), Math.ceil(columns / tile.columns)];
  const slices = Math.ceil(inner / tile.inner);
  const slicesEach = Math.ceil(slices / parts);
  const fours = blockColumns / 4;
  const sum = (i: number, j: number) => `sum${i}_${j}`;
  const each = (body: (i: number, j: number) => string) => unroll(blockRows, (i) => unroll(fours, (j) => body(i, j)));

  const code = `
var<workgroup> leftTile: array<f32, ${tile.inner * tile.rows}>;
var<workgroup> rightTile: array<f32, ${tile.inner * tile.columns}>;
${loader("Left", left, loads[0], "row", rows, inner)}
${loader("Right", right, loads[1], "column", columns, inner)}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % ${tilesAcross}u) * ${tile.columns}u;
  let firstRow = (group / ${tilesAcross}u % ${tilesDown}u) * ${tile.rows}u;
  let sheet = group / ${tilesAcross * tilesDown}u % ${sheets}u;
  let part = group / ${tilesAcross * tilesDown * sheets}u;
  let ownRow = lane / ${across}u * ${blockRows}u;
  let ownColumn = lane % ${across}u * 4u;
${each((i, j) => `  var ${sum(i, j)} = vec4<f32>();`)}
  for (var slice = part * ${slicesEach}u; slice < min(${slices}u, (part + 1u) * ${slicesEach}u); slice++) {
    let firstInner = slice * ${tile.inner}u;
${fill("left", left, tile.rows, tile.inner, lanes)}
${fill("right", right, tile.columns, tile.inner, lanes)}
    workgroupBarrier();
    for (var k = 0u; k < ${tile.inner}u; k++) {
${unroll(blockRows, (i) => `      let a${i} = leftTile[k * ${tile.rows}u + ownRow + ${i}u];`)}
${unroll(fours, (j) => {
  const at = `k * ${tile.columns}u + ownColumn + ${j * across * 4}u`;
  return `      let b${j} = vec4(rightTile[${at}], rightTile[${at} + 1u], rightTile[${at} + 2u], rightTile[${at} + 3u]);`;
})}
${each((i, j) => `      ${sum(i, j)} += a${i} * b${j};`)}
    }
    workgroupBarrier();
  }
${each((i, j) => `  put(part, sheet, firstRow + ownRow + ${i}u, firstColumn + ownColumn + ${j * across * 4}u, ${sum(i, j)});`)}
}
fn put(part: u32, sheet: u32, row: u32, first: u32, values: vec4<f32>) {
  if (row >= ${rows}u) { return; }
  for (var j = 0u; j < 4u; j++) {
    let column = first + j;
    if (column < ${columns}u) {
      store(${parts > 1 ? `part * ${sheets * rows * columns}u + ` : ""}(sheet * ${rows}u + row) * ${columns}u + column, values[j]);
    }
  }
}`;
  const variant = `tiles of ${tile.rows}x${tile.columns}${parts > 1 ? ` in ${parts} parts` : ""}`;
  const stores = inBands(rows, columns, tile.rows, tilesAcross);
  return { variant, code, lanes, groups: tilesDown * tilesAcross * sheets * parts, stores };
}

/** Brings one slice of an operand to workgroup memory, the inner axis outermost. */
function fill(name: string, { along, four }: TileOperand, size: number, inner: number, lanes: number): string {
  const step = four ? 4 : 1;
  const count = (size * inner) / step;
  const side = name === "left" ? "Left" : "Right";
  const first = name === "left" ? "firstRow" : "firstColumn";
  const [k, outer] =
    along === "inner"
      ? [`e % ${inner / step}u * ${step}u`, `e / ${inner / step}u`]
      : [`e / ${size / step}u`, `e % ${size / step}u * ${step}u`];
  const put = four
    ? unroll(4, (j) => {
        const at = along === "inner" ? `(k + ${j}u) * ${size}u + outer` : `k * ${size}u + outer + ${j}u`;
        return `      ${name}Tile[${at}] = value[${j}];`;
      })
    : `      ${name}Tile[k * ${size}u + outer] = value;`;
  return `    for (var e = lane; e < ${count}u; e += ${lanes}u) {
      let k = ${k};
      let outer = ${outer};
      let value = ${four ? "four" : "element"}${side}(sheet, ${first} + outer, firstInner + k);
${put}
    }`;
}
