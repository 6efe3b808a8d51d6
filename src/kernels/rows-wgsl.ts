/** Functions of whole rows in WGSL, a workgroup a row: norms and softmax over the last axis. */
import { sizeOf } from "../tensor/dtype.ts";
import {
  f32Literal,
  inBands,
  runsOf,
  type Span,
  unroll,
  type WgslDevice,
  type WgslKernel,
  type WgslValue,
  webGpuForm,
  widened,
} from "./wgsl.ts";

/** Rows from which on more lanes pay. */
const longRow = 1024;

/**
 * `body` sees `group`, the row, and `first`, its first index, and may call `total` and `most` over all lanes and `store`.
 */
function rowKernel(
  device: WgslDevice,
  { shape }: Pick<WgslValue, "shape">,
  body: (each: (line: string) => string, lanes: number) => string,
): WgslKernel {
  const width = shape.at(-1)!;
  const lanes = width >= longRow && device.lanes >= 256 ? 256 : 64;
  const each = (line: string) => `  for (var i = lane; i < ${width}u; i += ${lanes}u) { ${line} }`;
  const across = (name: string, join: (a: string, b: string) => string) => `
fn ${name}(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = ${join("partial[lane]", "partial[lane + half]")}; }
  }
  workgroupBarrier();
  return partial[0];
}`;
  const code = `
var<workgroup> partial: array<f32, ${lanes}>;
${across("total", (a, b) => `${a} + ${b}`)}
${across("most", (a, b) => `max(${a}, ${b})`)}
fn work(group: u32, lane: u32) {
  let first = group * ${width}u;
${body(each, lanes)}
}`;
  const rows = sizeOf(shape) / width;
  return { variant: "a workgroup a row", code, lanes, groups: rows, stores: inBands(rows, width, 1) };
}

/** A row of the result needs the same of the first operand. */
const sameRows = ([x]: readonly WgslValue[], _: unknown, stored: Span): readonly Span[] => {
  const width = x!.shape.at(-1)!;
  return [widened(runsOf(stored, width), width)];
};

interface NormOptions {
  readonly epsilon: number;
}

export const rmsRows = webGpuForm<NormOptions>({
  needs: sameRows,
  build: (device, [x, weight], { epsilon }) =>
    rowKernel(
      device,
      x!,
      (each) => `  var squares = 0.0f;
${each("let value = load0(first + i); squares += value * value;")}
  let factor = inverseSqrt(total(lane, squares) / ${x!.shape.at(-1)}.0f + ${f32Literal(epsilon)});
${each(`store(first + i, load0(first + i) * factor${weight ? " * load1(i)" : ""});`)}`,
    ),
});

/** Rows as wide as the weight, normalised, then turned. A lane keeps its pairs, so that a row is read once. */
export const turnedRmsRows = webGpuForm<NormOptions>({
  needs([x, weight, cos], _, stored) {
    const width = weight!.shape[0]!;
    const [places, pairs] = cos!.shape as [number, number];
    const rows = runsOf(stored, width);
    const [first, last] = runsOf(rows, x!.shape.at(-1)! / width);
    const batch = Math.floor(first / places) * places;
    // Rows of several of a batch need angles from both ends of the tables.
    const angles = last - batch > places ? undefined : widened([first - batch, last - batch], pairs);
    return [widened(rows, width), undefined, angles, angles];
  },
  build: (device, [x, weight, cos], { epsilon }) => {
    const width = weight!.shape[0]!;
    const [places, pairs] = cos!.shape as [number, number];
    const rowsOfToken = x!.shape.at(-1)! / width;
    return rowKernel(device, { shape: [sizeOf(x!.shape) / width, width] }, (_, lanes) => {
      const kept = Math.ceil(width / 2 / lanes);
      const each = (lines: (pair: string) => string) =>
        unroll(
          kept,
          (k) =>
            `  { let i = lane + ${k * lanes}u; let at = first + 2u * i; if (i < ${width / 2}u) {${lines(`pair${k}`)}} }`,
        );
      return `  let angles = group / ${rowsOfToken}u % ${places}u * ${pairs}u;
  var squares = 0.0f;
${unroll(kept, (k) => `  var pair${k} = vec2(0.0f);`)}
${each((pair) => ` ${pair} = vec2(load0(at), load0(at + 1u)); squares += dot(${pair}, ${pair}); `)}
  let factor = inverseSqrt(total(lane, squares) / ${width}.0f + ${f32Literal(epsilon)});
${each(
  (pair) => `
    let normed = ${pair} * factor * vec2(load1(2u * i), load1(2u * i + 1u));
    let turn = vec2(load2(angles + i % ${pairs}u), load3(angles + i % ${pairs}u));
    store(at, dot(normed, vec2(turn.x, -turn.y)));
    store(at + 1u, dot(normed, turn.yx));
  `,
)}`;
    });
  },
});

export const layerRows = webGpuForm<NormOptions>({
  needs: sameRows,
  build: (device, [x, weight], { epsilon }) =>
    rowKernel(
      device,
      x!,
      (each) => `  var sum = 0.0f;
${each("sum += load0(first + i);")}
  let mean = total(lane, sum) / ${x!.shape.at(-1)}.0f;
  var squares = 0.0f;
${each("let value = load0(first + i) - mean; squares += value * value;")}
  let factor = inverseSqrt(total(lane, squares) / ${x!.shape.at(-1)}.0f + ${f32Literal(epsilon)});
${each(`store(first + i, (load0(first + i) - mean) * factor${weight ? " * load1(i) + load2(i)" : ""});`)}`,
    ),
});

export const softmaxRows = webGpuForm<object>({
  needs: sameRows,
  build: (device, [x]) =>
    rowKernel(
      device,
      x!,
      (each) => `  var largest = ${f32Literal(Number.NEGATIVE_INFINITY)};
${each("largest = max(largest, load0(first + i));")}
  largest = most(lane, largest);
  var sum = 0.0f;
${each("sum += exp(load0(first + i) - largest);")}
  sum = total(lane, sum);
${each("store(first + i, exp(load0(first + i) - largest) / sum);")}`,
    ),
});
