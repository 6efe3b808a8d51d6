/**
 * Attention in WGSL by streaming softmax (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1): a workgroup
 * walks over the keys with a tile of queries, and no score matrix is kept.
 */
import { matrixAttention } from "./attention-matrix.ts";
import type { AttentionOptions } from "./attention-parts.ts";
import {
  across,
  chooseTile,
  lanesOf,
  maskedFunction,
  ownQuad,
  storesOf,
  streams,
  strideOf,
} from "./attention-tiles.ts";
import {
  f32Literal,
  runsOf,
  unroll,
  type WebGpuForm,
  type WgslDevice,
  type WgslKernel,
  type WgslValue,
  webGpuForm,
  widened,
} from "./wgsl.ts";

/** @param putLogSum as of `matrixAttention` */
function forwardKernel(
  device: WgslDevice,
  operands: readonly WgslValue[],
  { heads, scale }: AttentionOptions,
  putLogSum?: string,
): WgslKernel {
  const onMatrixUnits = matrixAttention(device, operands, { heads, scale }, putLogSum);
  if (onMatrixUnits) return onMatrixUnits;
  const [q, k, , bias] = operands;
  const [batches, rows, channels] = q!.shape as [number, number, number];
  const keys = k!.shape[1]!;
  const width = channels / heads;
  const tile = chooseTile(device, width, 1, rows);
  const rowsEach = tile.rows;
  const lanes = lanesOf(tile);
  const quads = width / 4;
  const stride = strideOf(width);
  const quadsEach = Math.ceil(quads / across);
  const keysEach = tile.others / across;
  const tilesDown = Math.ceil(rows / tile.own);
  const lowest = f32Literal(Number.NEGATIVE_INFINITY);
  const rowsOf = (body: (i: number) => string) => unroll(rowsEach, body);
  const bring = (name: string, load: number) => `    for (var e = lane; e < ${tile.others * quads}u; e += ${lanes}u) {
      let key = firstKey + e / ${quads}u;
      var value = vec4<f32>();
      if (key < ${keys}u) { value = load${load}x4((batch * ${keys}u + key) * ${channels}u + head * ${width}u + e % ${quads}u * 4u); }
      ${name}[e / ${quads}u * ${stride}u + e % ${quads}u] = value;
    }`;

  const code = `
var<workgroup> queries: array<vec4<f32>, ${tile.own * stride}>;
var<workgroup> others: array<vec4<f32>, ${tile.others * stride}>; // keys, then values
var<workgroup> scores: array<f32, ${tile.own * (tile.others + 1)}>;
fn work(group: u32, lane: u32) {
  let firstRow = group % ${tilesDown}u * ${tile.own}u;
  let head = group / ${tilesDown}u % ${heads}u;
  let batch = group / ${tilesDown * heads}u;
  let ownRow = lane / ${across}u * ${rowsEach}u;
  let own = lane % ${across}u;
  for (var e = lane; e < ${tile.own * quads}u; e += ${lanes}u) {
    let row = firstRow + e / ${quads}u;
    var value = vec4<f32>();
    if (row < ${rows}u) { value = load0x4((batch * ${rows}u + row) * ${channels}u + head * ${width}u + e % ${quads}u * 4u); }
    queries[e / ${quads}u * ${stride}u + e % ${quads}u] = value * ${f32Literal(scale)};
  }
${rowsOf((i) => `  var most${i} = ${lowest};\n  var total${i} = 0.0f;\n${unroll(quadsEach, (c) => `  var sum${i}_${c} = vec4<f32>();`)}`)}
  for (var firstKey = 0u; firstKey < ${keys}u; firstKey += ${tile.others}u) {
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
    scores[(ownRow + ${i}u) * ${tile.others + 1}u + own + ${j * across}u] = score${i}_${j};`,
  ),
)}
    workgroupBarrier();
${bring("others", 2)}
${rowsOf((i) => `    let before${i} = most${i};`)}
    for (var j = 0u; j < ${tile.others}u; j++) {
${rowsOf((i) => `      most${i} = max(most${i}, scores[(ownRow + ${i}u) * ${tile.others + 1}u + j]);`)}
    }
    workgroupBarrier();
${rowsOf(
  (i) => `    let shrink${i} = exp(before${i} - most${i});
    total${i} *= shrink${i};
${unroll(quadsEach, (c) => `    sum${i}_${c} *= shrink${i};`)}
${unroll(keysEach, (j) => `    scores[(ownRow + ${i}u) * ${tile.others + 1}u + own + ${j * across}u] = select(0.0f, exp(score${i}_${j} - most${i}), firstKey + own + ${j * across}u < ${keys}u);`)}`,
)}
    workgroupBarrier();
    for (var j = 0u; j < ${tile.others}u; j++) {
${unroll(quadsEach, (c) => `      let v${c} = others[j * ${stride}u + ${ownQuad(quads, c)}];`)}
${rowsOf(
  (i) => `      let p${i} = scores[(ownRow + ${i}u) * ${tile.others + 1}u + j];
      total${i} += p${i};
${unroll(quadsEach, (c) => `      sum${i}_${c} += p${i} * v${c};`)}`,
)}
    }
  }
${rowsOf((i) => unroll(quadsEach, (c) => `  put(batch, head, firstRow + ownRow + ${i}u, own + ${c * across}u, sum${i}_${c} / total${i});`))}${putLogSum ? `\n${rowsOf((i) => `  if (own == 0u) { putLogSum(batch, head, firstRow + ownRow + ${i}u, most${i}, total${i}); }`)}` : ""}
}${maskedFunction(rows, keys, bias?.shape)}
fn put(batch: u32, head: u32, row: u32, quad: u32, value: vec4<f32>) {
  if (row >= ${rows}u || quad >= ${quads}u) { return; }
  let first = (batch * ${rows}u + row) * ${channels}u + head * ${width}u + quad * 4u;
  for (var j = 0u; j < 4u; j++) { store(first + j, value[j]); }
}${putLogSum ?? ""}`;
  return {
    variant: `streaming, ${tile.own} queries by ${tile.others} keys`,
    code,
    lanes,
    groups: batches * heads * tilesDown,
    stores: putLogSum ? undefined : storesOf(heads, rows, channels, tile.own),
  };
}

const supports: WebGpuForm<AttentionOptions>["supports"] = (device, [q], { heads }) =>
  streams(device, q!.shape[2]! / heads, 1);

export const streamingAttention: WebGpuForm<AttentionOptions> = webGpuForm({
  supports,
  needs([q, k], _, stored) {
    const [, rows, channels] = q!.shape as [number, number, number];
    const keys = widened(runsOf(stored, rows * channels), k!.shape[1]! * channels);
    return [widened(runsOf(stored, channels), channels), keys, keys];
  },
  build: (device, operands, options) => forwardKernel(device, operands, options),
});

/** The same with the log-sum-exp of each row behind the result, the floor of the largest logit apart. */
export const streamingForward: WebGpuForm<AttentionOptions> = webGpuForm({
  supports,
  build: (device, operands, options) => {
    const [batches, rows, channels] = operands[0]!.shape as [number, number, number];
    const { heads } = options;
    return forwardKernel(
      device,
      operands,
      options,
      `
fn putLogSum(batch: u32, head: u32, row: u32, most: f32, total: f32) {
  if (row >= ${rows}u) { return; }
  let at = ${batches * rows * channels}u + (batch * ${rows}u + row) * ${heads}u + head;
  store(at, floor(most));
  store(at + ${batches * rows * heads}u, most - floor(most) + log(total));
}`,
    );
  },
});
