/**
 * Attention in WGSL by streaming softmax (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1): a workgroup
 * walks over the keys with a tile of queries, and no score matrix is kept.
 */
import type { Shape } from "../tensor/dtype.ts";
import { f32Literal, unroll, type WebGpuForm, type WgslDevice, webGpuForm } from "./wgsl.ts";

interface Options {
  readonly heads: number;
  readonly scale: number;
}

/** Lanes side by side share rows of queries: each takes every eighth key and every eighth vec4 of channels. */
const across = 8;
const widest = 256;

interface Tile {
  readonly queries: number;
  readonly keys: number;
  /** Rows of a lane. */
  readonly rows: number;
}

const tiles: readonly Tile[] = [
  { queries: 64, keys: 32, rows: 4 },
  { queries: 32, keys: 32, rows: 4 },
  { queries: 32, keys: 16, rows: 4 },
  { queries: 16, keys: 16, rows: 2 },
  { queries: 8, keys: 8, rows: 1 },
];

const bytesOf = ({ queries, keys }: Tile, width: number): number =>
  16 * (queries + keys) * (width / 4 + 1) + 4 * queries * (keys + 1);

/** The largest tile that fits the device, and that the queries fill. */
const chooseTile = (device: WgslDevice, width: number, rows: number): Tile =>
  tiles.find(
    (tile, i) =>
      i === tiles.length - 1 ||
      (!device.isSoftware && bytesOf(tile, width) <= device.workgroupBytes && tile.queries < 2 * rows),
  )!;

/** WGSL of the flat index of a bias that broadcasts to [batch, heads, rows, keys]. */
function biasIndex(shape: Shape): string {
  const names = ["batch", "head", "row", "key"];
  let step = 1;
  const terms: string[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1) terms.unshift(`${names[axis + 4 - shape.length]} * ${step}u`);
    step *= shape[axis]!;
  }
  return terms.join(" + ") || "0u";
}

export const streamingAttention: WebGpuForm<Options> = webGpuForm({
  supports: (device, [q], { heads }) => {
    const width = q!.shape[2]! / heads;
    return width % 4 === 0 && width <= widest && bytesOf(tiles.at(-1)!, width) <= device.workgroupBytes;
  },
  build: (device, [q, k, , bias], { heads, scale }) => {
    const [batches, rows, channels] = q!.shape as [number, number, number];
    const keys = k!.shape[1]!;
    const width = channels / heads;
    const tile = chooseTile(device, width, rows);
    const rowsEach = tile.rows;
    const lanes = (tile.queries / rowsEach) * across;
    const quads = width / 4;
    const stride = quads + 1; // one more than a row needs, against bank conflicts
    const quadsEach = Math.ceil(quads / across);
    const keysEach = tile.keys / across;
    const tilesDown = Math.ceil(rows / tile.queries);
    const lowest = f32Literal(Number.NEGATIVE_INFINITY);
    const ownQuad = (c: number) =>
      quads % across ? `min(own + ${c * across}u, ${quads - 1}u)` : `own + ${c * across}u`;
    const rowsOf = (body: (i: number) => string) => unroll(rowsEach, body);
    const bring = (name: string, load: number) => `    for (var e = lane; e < ${tile.keys * quads}u; e += ${lanes}u) {
      let key = firstKey + e / ${quads}u;
      var value = vec4<f32>();
      if (key < ${keys}u) { value = load${load}x4((batch * ${keys}u + key) * ${channels}u + head * ${width}u + e % ${quads}u * 4u); }
      ${name}[e / ${quads}u * ${stride}u + e % ${quads}u] = value;
    }`;

    const code = `
var<workgroup> queries: array<vec4<f32>, ${tile.queries * stride}>;
var<workgroup> others: array<vec4<f32>, ${tile.keys * stride}>; // keys, then values
var<workgroup> scores: array<f32, ${tile.queries * (tile.keys + 1)}>;
fn work(group: u32, lane: u32) {
  let firstRow = group % ${tilesDown}u * ${tile.queries}u;
  let head = group / ${tilesDown}u % ${heads}u;
  let batch = group / ${tilesDown * heads}u;
  let ownRow = lane / ${across}u * ${rowsEach}u;
  let own = lane % ${across}u;
  for (var e = lane; e < ${tile.queries * quads}u; e += ${lanes}u) {
    let row = firstRow + e / ${quads}u;
    var value = vec4<f32>();
    if (row < ${rows}u) { value = load0x4((batch * ${rows}u + row) * ${channels}u + head * ${width}u + e % ${quads}u * 4u); }
    queries[e / ${quads}u * ${stride}u + e % ${quads}u] = value * ${f32Literal(scale)};
  }
${rowsOf((i) => `  var most${i} = ${lowest};\n  var total${i} = 0.0f;\n${unroll(quadsEach, (c) => `  var sum${i}_${c} = vec4<f32>();`)}`)}
  for (var firstKey = 0u; firstKey < ${keys}u; firstKey += ${tile.keys}u) {
    workgroupBarrier();
${bring("others", 1)}
    workgroupBarrier();
${rowsOf((i) => unroll(keysEach, (j) => `    var score${i}_${j} = 0.0f;`))}
    for (var c = 0u; c < ${quads}u; c++) {
${rowsOf((i) => `      let q${i} = queries[(ownRow + ${i}u) * ${stride}u + c];`)}
${unroll(keysEach, (j) => `      let k${j} = others[(own + ${j * across}u) * ${stride}u + c];`)}
${rowsOf((i) => unroll(keysEach, (j) => `      score${i}_${j} += dot(q${i}, k${j});`))}
    }
${rowsOf((i) =>
  unroll(
    keysEach,
    (
      j,
    ) => `    score${i}_${j} = masked(score${i}_${j}, batch, head, firstRow + ownRow + ${i}u, firstKey + own + ${j * across}u);
    scores[(ownRow + ${i}u) * ${tile.keys + 1}u + own + ${j * across}u] = score${i}_${j};`,
  ),
)}
    workgroupBarrier();
${bring("others", 2)}
${rowsOf((i) => `    let before${i} = most${i};`)}
    for (var j = 0u; j < ${tile.keys}u; j++) {
${rowsOf((i) => `      most${i} = max(most${i}, scores[(ownRow + ${i}u) * ${tile.keys + 1}u + j]);`)}
    }
    workgroupBarrier();
${rowsOf(
  (i) => `    let shrink${i} = exp(before${i} - most${i});
    total${i} *= shrink${i};
${unroll(quadsEach, (c) => `    sum${i}_${c} *= shrink${i};`)}
${unroll(keysEach, (j) => `    scores[(ownRow + ${i}u) * ${tile.keys + 1}u + own + ${j * across}u] = select(0.0f, exp(score${i}_${j} - most${i}), firstKey + own + ${j * across}u < ${keys}u);`)}`,
)}
    workgroupBarrier();
    for (var j = 0u; j < ${tile.keys}u; j++) {
${unroll(quadsEach, (c) => `      let v${c} = others[j * ${stride}u + ${ownQuad(c)}];`)}
${rowsOf(
  (i) => `      let p${i} = scores[(ownRow + ${i}u) * ${tile.keys + 1}u + j];
      total${i} += p${i};
${unroll(quadsEach, (c) => `      sum${i}_${c} += p${i} * v${c};`)}`,
)}
    }
  }
${rowsOf((i) => unroll(quadsEach, (c) => `  put(batch, head, firstRow + ownRow + ${i}u, own + ${c * across}u, sum${i}_${c} / total${i});`))}
}
fn masked(score: f32, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= ${keys}u || row >= ${rows}u) { return ${lowest}; }
  return score${bias ? ` + load3(${biasIndex(bias.shape)})` : ""};
}
fn put(batch: u32, head: u32, row: u32, quad: u32, value: vec4<f32>) {
  if (row >= ${rows}u || quad >= ${quads}u) { return; }
  let first = (batch * ${rows}u + row) * ${channels}u + head * ${width}u + quad * 4u;
  for (var j = 0u; j < 4u; j++) { store(first + j, value[j]); }
}`;
    return {
      variant: `streaming, ${tile.queries} queries by ${tile.keys} keys`,
      code,
      lanes,
      groups: batches * heads * tilesDown,
    };
  },
});
