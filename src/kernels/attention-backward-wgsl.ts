/**
 * The backward pass of attention in WGSL (Dao 2023, arXiv 2307.08691, algorithm 2), as two passes without atomic sums: one
 * whose workgroups own queries and walk over keys, one whose workgroups own keys and walk over queries. Each finds the
 * attention weights of a tile from logits and log-sums again.
 */
import type { AttentionOptions } from "./attention-parts.ts";
import { across, biasIndex, chooseTile, lanesOf, ownQuad, streams, strideOf } from "./attention-tiles.ts";
import {
  f32Literal,
  unroll,
  type WebGpuForm,
  type WgslDevice,
  type WgslKernel,
  type WgslValue,
  webGpuForm,
} from "./wgsl.ts";

/** A side's tokens, and the operands of which it has rows: logits are q · k, gradients of weights g · v. */
interface Side {
  readonly tokens: number;
  readonly first: "q" | "k";
  readonly second: "g" | "v";
}

const loads = { q: 0, k: 1, v: 2, g: 3 } as const;

/** Tiles of own rows that are held: a first and a second operand. */
const held = 2;

function backwardKernel(
  device: WgslDevice,
  [q, k, , , , , bias]: readonly WgslValue[],
  { heads, scale }: AttentionOptions,
  owns: "queries" | "keys",
): WgslKernel {
  const [batches, rows, channels] = q!.shape as [number, number, number];
  const keys = k!.shape[1]!;
  const width = channels / heads;
  const queriesSide: Side = { tokens: rows, first: "q", second: "g" };
  const keysSide: Side = { tokens: keys, first: "k", second: "v" };
  const [mine, theirs] = owns === "queries" ? [queriesSide, keysSide] : [keysSide, queriesSide];
  const tile = chooseTile(device, width, held, mine.tokens);
  const lanes = lanesOf(tile);
  const quads = width / 4;
  const stride = strideOf(width);
  const quadsEach = Math.ceil(quads / across);
  const othersEach = tile.others / across;
  const tilesDown = Math.ceil(mine.tokens / tile.own);
  const results = owns === "queries" ? ["first"] : ["first", "second"];

  const perRow = (body: (i: number) => string) => unroll(tile.rows, body);
  const perPair = (body: (i: number, j: number) => string) => perRow((i) => unroll(othersEach, (j) => body(i, j)));
  const perQuad = (body: (c: number) => string) => unroll(quadsEach, body);
  const ownAt = (i: number) => `firstOwn + ownRow + ${i}u`;
  const otherAt = (j: number) => `firstOther + own + ${j * across}u`;
  const [rowAt, keyAt] =
    owns === "queries"
      ? [(i: number, _: number) => ownAt(i), (_: number, j: number) => otherAt(j)]
      : [(_: number, j: number) => otherAt(j), (i: number, _: number) => ownAt(i)];
  /** What rows of logits have: of own rows once, of others in each tile. */
  const ofRows = (count: number, at: (n: number) => string) =>
    unroll(count, (n) => `  let ofRow${n} = ofRow(batch, head, ${at(n)});`);
  const rowOf = (i: number, j: number) => `ofRow${owns === "queries" ? i : j}`;
  const factorAt = (i: number, j: string) => `factors[(ownRow + ${i}u) * ${tile.others + 1}u + ${j}]`;

  /** Brings a tile of an operand to workgroup memory, zeros behind its end. */
  const bring = (to: string, name: keyof typeof loads, { tokens }: Side, size: number, from: string) =>
    `  for (var e = lane; e < ${size * quads}u; e += ${lanes}u) {
    let token = ${from} + e / ${quads}u;
    var value = vec4<f32>();
    if (token < ${tokens}u) { value = load${loads[name]}x4((batch * ${tokens}u + token) * ${channels}u + head * ${width}u + e % ${quads}u * 4u); }
    ${to}[e / ${quads}u * ${stride}u + e % ${quads}u] = value${name === "q" ? ` * ${f32Literal(scale)}` : ""};
  }`;
  const bringOther = (which: "first" | "second") => `    workgroupBarrier();
${bring("others", theirs[which], theirs, tile.others, "firstOther")}
    workgroupBarrier();`;
  /** Dot products of own rows with those that were brought. */
  const dots = (result: string, held: string) => `${perPair((i, j) => `    var ${result}${i}_${j} = 0.0f;`)}
    for (var c = 0u; c < ${quads}u; c++) {
${perRow((i) => `      let a${i} = ${held}[(ownRow + ${i}u) * ${stride}u + c];`)}
${unroll(othersEach, (j) => `      let b${j} = others[(own + ${j * across}u) * ${stride}u + c];`)}
${perPair((i, j) => `      ${result}${i}_${j} += dot(a${i}, b${j});`)}
    }`;
  /** Adds the rows that were brought, times a factor each, to the sums of own rows. */
  const gather = (
    which: string,
    factor: string,
  ) => `${perPair((i, j) => `    ${factorAt(i, `own + ${j * across}u`)} = ${factor}${i}_${j};`)}
    workgroupBarrier();
    for (var j = 0u; j < ${tile.others}u; j++) {
${perQuad((c) => `      let b${c} = others[j * ${stride}u + ${ownQuad(quads, c)}];`)}
${perRow((i) => `      let f${i} = ${factorAt(i, "j")};\n${perQuad((c) => `      ${which}${i}_${c} += f${i} * b${c};`)}`)}
    }`;

  const code = `
var<workgroup> firsts: array<vec4<f32>, ${tile.own * stride}>; // ${mine.first}
var<workgroup> seconds: array<vec4<f32>, ${tile.own * stride}>; // ${mine.second}
var<workgroup> others: array<vec4<f32>, ${tile.others * stride}>;
var<workgroup> factors: array<f32, ${tile.own * (tile.others + 1)}>;
fn work(group: u32, lane: u32) {
  let firstOwn = group % ${tilesDown}u * ${tile.own}u;
  let head = group / ${tilesDown}u % ${heads}u;
  let batch = group / ${tilesDown * heads}u;
  let ownRow = lane / ${across}u * ${tile.rows}u;
  let own = lane % ${across}u;
${bring("firsts", mine.first, mine, tile.own, "firstOwn")}
${bring("seconds", mine.second, mine, tile.own, "firstOwn")}
${owns === "queries" ? ofRows(tile.rows, ownAt) : ""}
${results.map((which) => perRow((i) => perQuad((c) => `  var ${which}${i}_${c} = vec4<f32>();`))).join("\n")}
  for (var firstOther = 0u; firstOther < ${theirs.tokens}u; firstOther += ${tile.others}u) {
${owns === "keys" ? ofRows(othersEach, otherAt) : ""}
${bringOther("second")}
${dots("slope", "seconds")}
${bringOther("first")}
${dots("logit", "firsts")}
${perPair(
  (
    i,
    j,
  ) => `    let weight${i}_${j} = weight(logit${i}_${j}, ${rowOf(i, j)}, batch, head, ${rowAt(i, j)}, ${keyAt(i, j)});
    slope${i}_${j} = weight${i}_${j} * (slope${i}_${j} - ${rowOf(i, j)}.z);`,
)}
${gather("first", "slope")}
${owns === "keys" ? `${bringOther("second")}\n${gather("second", "weight")}` : ""}
  }
${results
  .map((which, at) =>
    perRow((i) =>
      perQuad(
        (c) =>
          `  put(${at}u, batch, head, ${ownAt(i)}, own + ${c * across}u, ${which}${i}_${c}${owns === "queries" ? ` * ${f32Literal(scale)}` : ""});`,
      ),
    ),
  )
  .join("\n")}
}
fn ofRow(batch: u32, head: u32, row: u32) -> vec3<f32> { // both parts of its log-sum, delta
  let at = (batch * ${rows}u + min(row, ${rows - 1}u)) * ${heads}u + head;
  return vec3(load4(at), load4(at + ${batches * rows * heads}u), load5(at));
}
fn weight(logit: f32, ofRow: vec3<f32>, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= ${keys}u || row >= ${rows}u) { return 0.0f; }
  return exp(logit${bias ? ` + load6(${biasIndex(bias.shape)})` : ""} - ofRow.x - ofRow.y);
}
fn put(part: u32, batch: u32, head: u32, token: u32, quad: u32, value: vec4<f32>) {
  if (token >= ${mine.tokens}u || quad >= ${quads}u) { return; }
  let first = ((part * ${batches}u + batch) * ${mine.tokens}u + token) * ${channels}u + head * ${width}u + quad * 4u;
  for (var j = 0u; j < 4u; j++) { store(first + j, value[j]); }
}`;
  return {
    variant: `streaming, ${tile.own} ${owns} by ${tile.others}`,
    code,
    lanes,
    groups: batches * heads * tilesDown,
  };
}

const form = (owns: "queries" | "keys"): WebGpuForm<AttentionOptions> =>
  webGpuForm({
    supports: (device, [q], { heads }) => streams(device, q!.shape[2]! / heads, held),
    build: (device, operands, options) => backwardKernel(device, operands, options, owns),
  });

export const streamingQueryGradient = form("queries");
export const streamingKeyValueGradient = form("keys");
