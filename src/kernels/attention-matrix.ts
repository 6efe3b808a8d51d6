/**
 * Attention by streaming softmax on matrix units (`tile-matrix.ts`): q kᵀ and p v multiply operands that are rounded to
 * f16, with sums in f32; all that is between them is f32. A subgroup has sixteen rows of queries and keeps them, and the
 * sums of their results, in matrices. Matrices cannot be scaled row by row, so that sums are scaled through workgroup
 * memory, and only when a row's powers outgrow f16.
 */
import type { AttentionOptions } from "./attention-parts.ts";
import { maskedFunction, storesOf } from "./attention-tiles.ts";
import { matrixExtensions, matrixSide, matrixWords } from "./matrix-units.ts";
import { f32Literal, unroll, type WgslDevice, type WgslKernel, type WgslValue } from "./wgsl.ts";

interface Tile {
  readonly subgroups: number;
  /** Keys that are looked at together. */
  readonly keys: number;
}

const tiles: readonly Tile[] = [
  { subgroups: 8, keys: 32 },
  { subgroups: 4, keys: 64 },
  { subgroups: 4, keys: 32 },
  { subgroups: 2, keys: 32 },
];
const rowsEach = 16;
/** Widths of heads that matrices and tiles divide. */
const widths: readonly number[] = [64, 128];

/** A row's largest power lies between e^6 and e^11, a little below what f16 ends at, to leave room for small ones. */
const [low, high] = [6, 11];

/** From one row to the next in workgroup memory: 16 bytes more than a row needs, against bank conflicts. */
const halves = (n: number): number => n + 8;
const floats = (n: number): number => n + 4;

const bytesOf = ({ subgroups, keys }: Tile, width: number): number => {
  const own = subgroups * rowsEach;
  return 2 * Math.max(own, keys) * halves(width) + own * (4 * floats(keys) + 2 * halves(keys)) + 16;
};

function chooseTile(device: WgslDevice, width: number, rows: number): Tile | undefined {
  if (device.isSoftware || !widths.includes(width)) return undefined;
  const size = device.subgroups!.min;
  return tiles.find(
    (tile) =>
      bytesOf(tile, width) <= device.workgroupBytes &&
      tile.subgroups * size <= device.lanes &&
      tile.subgroups * rowsEach < 2 * rows,
  );
}

/**
 * The kernel, or nothing where the device or the heads are not made for it.
 * @param putLogSum WGSL of `putLogSum(batch, head, row, most, total)`, where log-sums are wanted: the row's largest logit,
 * and the sum of powers of what logits are above it
 */
export function matrixAttention(
  device: WgslDevice,
  [q, k, , bias]: readonly WgslValue[],
  { heads, scale }: AttentionOptions,
  putLogSum?: string,
): WgslKernel | undefined {
  const side = matrixSide(device);
  const [batches, rows, channels] = q!.shape as [number, number, number];
  const size = device.subgroups?.min ?? 0;
  if (!side || size % rowsEach) return undefined;
  const width = channels / heads;
  const tile = chooseTile(device, width, rows);
  if (!tile) return undefined;

  const { zero, load, store, multiplyAdd } = matrixWords(side);
  const keys = k!.shape[1]!;
  const own = tile.subgroups * rowsEach;
  const lanes = tile.subgroups * size;
  const across = size / rowsEach;
  const quads = width / 4;
  const [stride, scoreStride, powerStride] = [halves(width), floats(tile.keys), halves(tile.keys)];
  const [down, wide, perSlice] = [rowsEach / side, width / side, tile.keys / side];
  const tilesDown = Math.ceil(rows / own);
  const lowest = f32Literal(Number.NEGATIVE_INFINITY);
  const ofRows = (body: (i: number) => string) => unroll(down, body);
  /** Where the i-th matrix of a subgroup's rows begins. */
  const rowsAt = (i: number, step: number) => `(firstOwn + ${i * side}u) * ${step}u`;
  const bring = (operand: number, first: string, count: number, of: number) => `
  for (var e = lane; e < ${count * quads}u; e += ${lanes}u) {
    let at = ${first} + e / ${quads}u;
    var value = vec4<f32>();
    if (at < ${of}u) { value = load${operand}x4((batch * ${of}u + at) * ${channels}u + head * ${width}u + e % ${quads}u * 4u); }
    keep(e / ${quads}u * ${stride}u + e % ${quads}u * 4u, value);
  }`;
  /** Sums by way of workgroup memory, as many channels at a time as there are keys, where lanes do something with them. */
  const throughScores = (body: (slice: number) => string, andBack = false) =>
    unroll(width / tile.keys, (slice) => {
      const each = (write: (sum: string, first: string) => string) =>
        ofRows((i) =>
          unroll(perSlice, (c) => write(`sum${i}_${slice * perSlice + c}`, `${rowsAt(i, scoreStride)} + ${c * side}u`)),
        );
      const back = () => `
${each((sum, first) => `  ${sum} = ${load("result", "scores", first, "row_major", scoreStride)};`)}
  workgroupBarrier();`;
      return `${each((sum, first) => `  ${store("scores", first, sum, scoreStride)}`)}
  workgroupBarrier();
  for (var c = own; c < ${tile.keys}u; c += ${across}u) { ${body(slice)} }
  workgroupBarrier();${andBack ? back() : ""}`;
    });
  const acrossRow = (write: (step: number) => string) =>
    unroll(Math.log2(across), (i) => `  ${write(across >> (i + 1))}`);
  const scoresEach = tile.keys / across;

  const code = `
var<workgroup> others: array<f16, ${Math.max(own, tile.keys) * stride}>; // queries, then keys and values in turn
var<workgroup> scores: array<f32, ${own * scoreStride}>;
var<workgroup> powers: array<f16, ${own * powerStride}>;
var<workgroup> outgrown: atomic<u32>;
fn keep(at: u32, value: vec4<f32>) {
  let narrow = vec4<f16>(clamp(value, vec4<f32>(-65504.0f), vec4<f32>(65504.0f)));
${unroll(4, (j) => `  others[at + ${j}u] = narrow[${j}];`)}
}
fn work(group: u32, lane: u32) {
  let firstRow = group % ${tilesDown}u * ${own}u;
  let head = group / ${tilesDown}u % ${heads}u;
  let batch = group / ${tilesDown * heads}u;
  let firstOwn = lane / ${size}u * ${rowsEach}u;
  let row = lane / ${across}u; // which ${across} lanes of its subgroup share
  let own = lane % ${across}u;${bring(0, "firstRow", own, rows)}
  workgroupBarrier();
${ofRows((i) => unroll(wide, (c) => `  let query${i}_${c} = ${load("left", "others", `${rowsAt(i, stride)} + ${c * side}u`, "row_major", stride)};\n  var sum${i}_${c} = ${zero};`))}
  var most = ${lowest};
  var base = ${lowest};
  var total = 0.0f;
  for (var firstKey = 0u; firstKey < ${keys}u; firstKey += ${tile.keys}u) {
  workgroupBarrier();${bring(1, "firstKey", tile.keys, keys)}
  if (lane == 0u) { atomicStore(&outgrown, 0u); }
  workgroupBarrier();
  for (var j = 0u; j < ${tile.keys}u; j += ${side}u) {
${ofRows((i) => `    var product${i} = ${zero};`)}
${unroll(
  wide,
  (c) => `    let key${c} = ${load("right", "others", `j * ${stride}u + ${c * side}u`, "col_major", stride)};
${ofRows((i) => `    ${multiplyAdd(`query${i}_${c}`, `key${c}`, `product${i}`)}`)}`,
)}
${ofRows((i) => `    ${store("scores", `${rowsAt(i, scoreStride)} + j`, `product${i}`, scoreStride)}`)}
  }
  workgroupBarrier();${bring(2, "firstKey", tile.keys, keys)}
${unroll(
  scoresEach,
  (
    j,
  ) => `  let score${j} = masked(scores[row * ${scoreStride}u + own + ${j * across}u] * ${f32Literal(scale)}, batch, head, firstRow + row, firstKey + own + ${j * across}u);
  most = max(most, score${j});`,
)}
${acrossRow((step) => `most = max(most, subgroupShuffleXor(most, ${step}u));`)}
  if (most > base + ${f32Literal(high)}) { atomicStore(&outgrown, 1u); }
  if (workgroupUniformLoad(&outgrown) != 0u) {
  let raised = max(base, most - ${f32Literal(low)});
  let shrink = exp(base - raised);
  base = raised;
  total *= shrink;
${throughScores(() => `scores[row * ${scoreStride}u + c] *= shrink;`, true)}
  }
${unroll(
  scoresEach,
  (j) => `  let power${j} = f16(select(0.0f, exp(score${j} - base), firstKey + own + ${j * across}u < ${keys}u));
  powers[row * ${powerStride}u + own + ${j * across}u] = power${j};
  total += f32(power${j});`,
)}
  workgroupBarrier();
  for (var j = 0u; j < ${tile.keys}u; j += ${side}u) {
${ofRows((i) => `    let part${i} = ${load("left", "powers", `${rowsAt(i, powerStride)} + j`, "row_major", powerStride)};`)}
${unroll(
  wide,
  (c) => `    let value${c} = ${load("right", "others", `j * ${stride}u + ${c * side}u`, "row_major", stride)};
${ofRows((i) => `    ${multiplyAdd(`part${i}`, `value${c}`, `sum${i}_${c}`)}`)}`,
)}
  }
  }
${acrossRow((step) => `total += subgroupShuffleXor(total, ${step}u);`)}
${throughScores(
  (slice) => `put(batch, head, firstRow + row, ${slice * tile.keys}u + c, scores[row * ${scoreStride}u + c] / total);`,
)}${putLogSum ? "\n  if (own == 0u) { putLogSum(batch, head, firstRow + row, most, total * exp(base - most)); }" : ""}
}
fn put(batch: u32, head: u32, row: u32, channel: u32, value: f32) {
  if (row < ${rows}u) { store((batch * ${rows}u + row) * ${channels}u + head * ${width}u + channel, value); }
}${maskedFunction(rows, keys, bias?.shape)}${putLogSum ?? ""}`;
  return {
    variant: `matrix units, streaming, ${own} queries by ${tile.keys} keys`,
    code,
    lanes,
    groups: batches * heads * tilesDown,
    stores: putLogSum ? undefined : storesOf(heads, rows, channels, own),
    ...matrixExtensions,
  };
}
