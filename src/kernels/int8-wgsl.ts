/**
 * Products of 8-bit matrices in WGSL by `dot4I8Packed`: tiles as in `tile.ts`, whose inner axis counts words of four codes.
 * Sums of a run of 128 products of codes are whole numbers of at most 2²¹; scales come in behind each run, since one pair of
 * them holds for all of a workgroup's tile.
 */
import { chooseTile, isDirect } from "./tile.ts";
import { loader, type Product, type TileOperand } from "./tile-operand.ts";
import {
  inBands,
  runsOf,
  unroll,
  type WebGpuForm,
  type WgslKernel,
  type WgslValue,
  webGpuForm,
  widened,
} from "./wgsl.ts";

/** Words of a row that share a scale, and rows that do. */
const [run, side] = [32, 128];
/** Words of a row in workgroup memory at a time, as vectors of four; with one more, rows begin in different banks. */
const slice = 8;
const stride = slice / 4 + 1;

/** Four words of a row by another four. */
const dots = `fn dots(a: vec4<i32>, b: vec4<i32>) -> i32 {
  let x = bitcast<vec4<u32>>(a);
  let y = bitcast<vec4<u32>>(b);
  return dot4I8Packed(x.x, y.x) + dot4I8Packed(x.y, y.y) + dot4I8Packed(x.z, y.z) + dot4I8Packed(x.w, y.w);
}`;

/** `fourLeft(sheet, row, k)` and `fourRight(sheet, column, k)`: four words from word k on, zeros outside. */
function loaders({ left, right, rows, columns, inner }: Product): string {
  const of = (name: string, operand: TileOperand, load: number, outer: string, size: number) => {
    const own = loader(name, operand, load, outer, size, inner, "i32");
    if (operand.four) return own;
    const elements = [0, 1, 2, 3].map((j) => `element${name}(sheet, ${outer}, k + ${j}u)`).join(", ");
    return `${own}
fn four${name}(sheet: u32, ${outer}: u32, k: u32) -> vec4<i32> { return vec4(${elements}); }`;
  };
  return `${of("Left", left, 0, "row", rows)}
${of("Right", right, 2, "column", columns)}
${dots}`;
}

/** A lane an element, straight from memory. */
function direct(product: Product, runs: number): WgslKernel {
  const { rows, columns } = product;
  const code = `${loaders(product)}
fn work(group: u32, lane: u32) {
  let at = group * 64u + lane;
  if (at >= ${rows * columns}u) { return; }
  let column = at % ${columns}u;
  let row = at / ${columns}u;
  var total = 0.0f;
  for (var part = 0u; part < ${runs}u; part++) {
    var sum = 0i;
    for (var k = part * ${run}u; k < (part + 1u) * ${run}u; k += 4u) { sum += dots(fourLeft(0u, row, k), fourRight(0u, column, k)); }
    total += f32(sum) * (load1(row / ${side}u * ${runs}u + part) * load3(column / ${side}u * ${runs}u + part));
  }
  store(at, total);
}`;
  const groups = Math.ceil((rows * columns) / 64);
  return { variant: "8 bits, a lane an element", code, lanes: 64, groups, stores: inBands(rows * columns, 1, 64) };
}

export const int8Tiles: WebGpuForm<object> = webGpuForm({
  supports: ({ packedDot }) => packedDot,
  needs: ([x, , w], _, stored) => [widened(runsOf(stored, w!.shape[0]!), x!.shape[1]!)],
  build(device, [x, , w]) {
    const product = productOf(x!, w!);
    const { rows, columns, inner } = product;
    const runs = Math.ceil(inner / run);
    if (isDirect(device, { ...product, inner: 4 * inner })) return direct(product, runs);
    const tile = chooseTile(device, product);
    const [blockRows, blockColumns] = tile.block;
    const [across, down] = [tile.columns / blockColumns, tile.rows / blockRows];
    const lanes = across * down;
    const [tilesDown, tilesAcross] = [Math.ceil(rows / tile.rows), Math.ceil(columns / tile.columns)];
    const each = (body: (i: number, j: number) => string) =>
      unroll(blockRows, (i) => unroll(blockColumns, (j) => body(i, j)));
    const bring = (name: "left" | "right", size: number) => {
      const [four, first] = name === "left" ? ["fourLeft", "firstRow"] : ["fourRight", "firstColumn"];
      return `      for (var e = lane; e < ${(size * slice) / 4}u; e += ${lanes}u) {
        let outer = e / ${slice / 4}u;
        let k = e % ${slice / 4}u;
        ${name}Tile[outer * ${stride}u + k] = ${four}(0u, ${first} + outer, word + k * 4u);
      }`;
    };
    const code = `
var<workgroup> leftTile: array<vec4<i32>, ${tile.rows * stride}>;
var<workgroup> rightTile: array<vec4<i32>, ${tile.columns * stride}>;
${loaders(product)}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % ${tilesAcross}u) * ${tile.columns}u;
  let firstRow = (group / ${tilesAcross}u) * ${tile.rows}u;
  let ownRow = lane / ${across}u * ${blockRows}u;
  let ownColumn = lane % ${across}u;
${each((i, j) => `  var total${i}_${j} = 0.0f;`)}
  for (var part = 0u; part < ${runs}u; part++) {
${each((i, j) => `    var sum${i}_${j} = 0i;`)}
    for (var word = part * ${run}u; word < min(${inner}u, (part + 1u) * ${run}u); word += ${slice}u) {
${bring("left", tile.rows)}
${bring("right", tile.columns)}
      workgroupBarrier();
      for (var k = 0u; k < ${slice / 4}u; k++) {
${unroll(blockRows, (i) => `        let a${i} = leftTile[(ownRow + ${i}u) * ${stride}u + k];`)}
${unroll(
  blockColumns,
  (j) => `        let b${j} = rightTile[(ownColumn + ${j * across}u) * ${stride}u + k];
${unroll(blockRows, (i) => `        sum${i}_${j} += dots(a${i}, b${j});`)}`,
)}
      }
      workgroupBarrier();
    }
    let scale = load1(firstRow / ${side}u * ${runs}u + part) * load3(firstColumn / ${side}u * ${runs}u + part);
${each((i, j) => `    total${i}_${j} += f32(sum${i}_${j}) * scale;`)}
  }
${each((i, j) => `  put(firstRow + ownRow + ${i}u, firstColumn + ownColumn + ${j * across}u, total${i}_${j});`)}
}
fn put(row: u32, column: u32, value: f32) {
  if (row < ${rows}u && column < ${columns}u) { store(row * ${columns}u + column, value); }
}`;
    const stores = inBands(rows, columns, tile.rows, tilesAcross);
    return {
      variant: `8 bits, tiles of ${tile.rows}x${tile.columns}`,
      code,
      lanes,
      groups: tilesDown * tilesAcross,
      stores,
    };
  },
});

/** The product of words: both operands lie with their inner axis side by side. */
function productOf({ shape: [rows, words] }: WgslValue, { shape: [columns] }: WgslValue): Product {
  const of = (outer: string): TileOperand => ({
    index: `${outer} * ${words}u + k`,
    along: "inner",
    four: words! % 4 === 0,
  });
  return { sheets: 1, rows: rows!, columns: columns!, inner: words!, left: of("row"), right: of("column") };
}
