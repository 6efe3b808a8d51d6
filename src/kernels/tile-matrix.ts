/**
 * Matrix products on the matrix units that WebGPU shows as subgroup matrices (chromium-experimental-subgroup-matrix):
 * operands are rounded to f16 on their way into workgroup memory, sums are f32.
 */
import { matrixExtensions, matrixSide, matrixWords } from "./matrix-units.ts";
import { loader, type Product, type TileOperand } from "./tile-operand.ts";
import { inBands, unroll, type WgslDevice, type WgslKernel } from "./wgsl.ts";

interface Tile {
  readonly rows: number;
  readonly columns: number;
  /** Subgroups one below the other and side by side. */
  readonly subgroups: readonly [number, number];
}

const inner = 32;
const tiles: readonly Tile[] = [
  { rows: 128, columns: 128, subgroups: [2, 4] },
  { rows: 64, columns: 64, subgroups: [2, 2] },
];
/** Products with a side below this waste most of a tile. */
const narrow = 32;

const lanesOf = ({ subgroups: [down, across] }: Tile, size: number): number => down * across * size;
const bytesOf = ({ rows, columns, subgroups: [down, across] }: Tile, side: number): number =>
  2 * inner * (rows + columns) + 4 * down * across * side ** 2;

/** The kernel, or nothing where the device or the product is not made for it. */
export function matrixKernel(device: WgslDevice, product: Product): WgslKernel | undefined {
  const side = matrixSide(device);
  const { sheets, rows, columns, left, right, parts = 1, loads = [0, 1] } = product;
  if (!side || Math.min(rows, columns, product.inner) < narrow) return undefined;
  const size = device.subgroups!.min;
  const groups = (one: Tile) => sheets * Math.ceil(rows / one.rows) * Math.ceil(columns / one.columns) * parts;
  const fitting = tiles.filter(
    (one) => bytesOf(one, side) <= device.workgroupBytes && lanesOf(one, size) <= device.lanes,
  );
  const tile = fitting.find((one) => groups(one) >= 128) ?? fitting.at(-1);
  if (!tile) return undefined;

  const matrix = matrixWords(side);
  const [down, across] = tile.subgroups;
  const [high, wide] = [tile.rows / down / side, tile.columns / across / side];
  const lanes = lanesOf(tile, size);
  const [tilesDown, tilesAcross] = [Math.ceil(rows / tile.rows), Math.ceil(columns / tile.columns)];
  const slices = Math.ceil(product.inner / inner);
  const slicesEach = Math.ceil(slices / parts);
  const each = (body: (i: number, j: number) => string) => unroll(high, (i) => unroll(wide, (j) => body(i, j)));
  const [leftStep, rightStep] = [
    left.along === "inner" ? inner : tile.rows,
    right.along === "inner" ? inner : tile.columns,
  ];
  /** Where a matrix begins in workgroup memory: `outer` rows or columns and `k` steps in. */
  const start = ({ along }: TileOperand, step: number, outer: string, k: string) =>
    along === "inner" ? `(${outer}) * ${step}u + ${k}` : `(${k}) * ${step}u + ${outer}`;

  const code = `
var<workgroup> leftTile: array<f16, ${inner * tile.rows}>;
var<workgroup> rightTile: array<f16, ${inner * tile.columns}>;
var<workgroup> staged: array<f32, ${down * across * side * side}>;
${loader("Left", left, loads[0], "row", rows, product.inner)}
${loader("Right", right, loads[1], "column", columns, product.inner)}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % ${tilesAcross}u) * ${tile.columns}u;
  let firstRow = (group / ${tilesAcross}u % ${tilesDown}u) * ${tile.rows}u;
  let sheet = group / ${tilesAcross * tilesDown}u % ${sheets}u;
  let part = group / ${tilesAcross * tilesDown * sheets}u;
  let own = lane / ${size}u;
  let ownRow = own / ${across}u * ${high * side}u;
  let ownColumn = own % ${across}u * ${wide * side}u;
${each((i, j) => `  var sum${i}_${j} = ${matrix.zero};`)}
  for (var slice = part * ${slicesEach}u; slice < min(${slices}u, (part + 1u) * ${slicesEach}u); slice++) {
    let firstInner = slice * ${inner}u;
${bring("left", left, tile.rows, lanes)}
${bring("right", right, tile.columns, lanes)}
    workgroupBarrier();
    for (var k = 0u; k < ${inner}u; k += ${side}u) {
${unroll(high, (i) => `      let left${i} = ${matrix.load("left", "leftTile", start(left, leftStep, `ownRow + ${i * side}u`, "k"), left.along === "inner" ? "row_major" : "col_major", leftStep)};`)}
${unroll(wide, (j) => `      let right${j} = ${matrix.load("right", "rightTile", start(right, rightStep, `ownColumn + ${j * side}u`, "k"), right.along === "inner" ? "col_major" : "row_major", rightStep)};`)}
${each((i, j) => `      ${matrix.multiplyAdd(`left${i}`, `right${j}`, `sum${i}_${j}`)}`)}
    }
    workgroupBarrier();
  }
${each(
  (i, j) => `  ${matrix.store("staged", `own * ${side * side}u`, `sum${i}_${j}`, side)}
  workgroupBarrier();
  put(part, sheet, firstRow + ownRow + ${i * side}u, firstColumn + ownColumn + ${j * side}u, own, lane % ${size}u);
  workgroupBarrier();`,
)}
}
fn put(part: u32, sheet: u32, firstRow: u32, firstColumn: u32, own: u32, lane: u32) {
  for (var e = lane; e < ${side * side}u; e += ${size}u) {
    let row = firstRow + e / ${side}u;
    let column = firstColumn + e % ${side}u;
    if (row < ${rows}u && column < ${columns}u) {
      store(${parts > 1 ? `part * ${sheets * rows * columns}u + ` : ""}(sheet * ${rows}u + row) * ${columns}u + column, staged[own * ${side * side}u + e]);
    }
  }
}`;
  const variant = `matrix units, tiles of ${tile.rows}x${tile.columns}${parts > 1 ? ` in ${parts} parts` : ""}`;
  return {
    variant,
    code,
    lanes,
    groups: groups(tile),
    stores: inBands(rows, columns, tile.rows, tilesAcross),
    ...matrixExtensions,
  };
}

/** Brings one slice of an operand to workgroup memory in the order in which it lies in its own. */
function bring(name: "left" | "right", { along, four }: TileOperand, size: number, lanes: number): string {
  const step = four ? 4 : 1;
  const run = (along === "inner" ? inner : size) / step;
  const [side, first] = name === "left" ? ["Left", "firstRow"] : ["Right", "firstColumn"];
  const [quick, slow] = [`e % ${run}u * ${step}u`, `e / ${run}u`];
  const [k, outer] = along === "inner" ? [quick, slow] : [slow, quick];
  const limit = "vec4<f32>(65504.0f)";
  const put = four
    ? `let narrow = vec4<f16>(clamp(value, -${limit}, ${limit}));
${unroll(4, (j) => `      ${name}Tile[e * 4u + ${j}u] = narrow[${j}];`)}`
    : `${name}Tile[e] = f16(clamp(value, -65504.0f, 65504.0f));`;
  return `    for (var e = lane; e < ${(size * inner) / step}u; e += ${lanes}u) {
      let k = ${k};
      let outer = ${outer};
      let value = ${four ? "four" : "element"}${side}(sheet, ${first} + outer, firstInner + k);
      ${put}
    }`;
}
