/** 8-bit products against whole numbers on the host, on every runtime: odd sizes, empty rows, ends of ranges. */
import { describe, expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { int8Linear, quantise } from "../kernels/int8.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { input } from "../tensor/tensor.ts";
import { relativeError } from "../testing/relative-error.ts";
import { webGpuForTests } from "../testing/webgpu.ts";
import { reference } from "./reference/reference.ts";

/** Software adapters get simple shaders; these tests want the tiles of GPUs too. */
const [simple, tiled, plain] = await webGpuForTests(
  {},
  { limits: { isSoftware: false } },
  { limits: { packedDot: false } },
);
const runtimes = Object.entries({
  reference,
  ort: openOrt(),
  webgpu: simple,
  "webgpu in tiles": tiled,
  "webgpu by the definition": plain,
}).filter((pair): pair is [string, Runtime] => pair[1] !== undefined);

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

const drawn = (name: string, rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: gaussian(rows * columns, 3, name),
});
const tileOf = ({ columns }: Matrix, row: number, column: number): number =>
  Math.floor(row / 128) * Math.ceil(columns / 128) + Math.floor(column / 128);

/** Codes and scales by loops over elements, halves to even by hand. */
function quantised(x: Matrix): { codes: Int8Array; scale: Float64Array } {
  const { rows, columns, data } = x;
  const scale = new Float64Array(Math.ceil(rows / 128) * Math.ceil(columns / 128)).fill(1e-8 / 128);
  for (const [at, value] of data.entries()) {
    const tile = tileOf(x, Math.floor(at / columns), at % columns);
    scale[tile] = Math.max(scale[tile]!, Math.abs(value) / 128);
  }
  const codes = Int8Array.from(data, (value, at) => {
    const steps = value / scale[tileOf(x, Math.floor(at / columns), at % columns)]!;
    const near = Math.round(steps);
    const even = Math.abs(steps % 1) === 0.5 ? 2 * Math.round(steps / 2) : near;
    return Math.min(127, Math.max(-128, even));
  });
  return { codes, scale };
}

/** x · wᵀ with sums of whole numbers, scaled a run of 128 at a time. */
function product(x: Matrix, w: Matrix): Float64Array {
  const [a, b] = [quantised(x), quantised(w)];
  return Float64Array.from({ length: x.rows * w.rows }, (_, at) => {
    const [row, column] = [Math.floor(at / w.rows), at % w.rows];
    let total = 0;
    for (let first = 0; first < x.columns; first += 128) {
      let sum = 0;
      for (let k = first; k < Math.min(x.columns, first + 128); k++)
        sum += a.codes[row * x.columns + k]! * b.codes[column * x.columns + k]!;
      total += sum * a.scale[tileOf(x, row, first)]! * b.scale[tileOf(w, column, first)]!;
    }
    return total;
  });
}

const host = ({ rows, columns, data }: Matrix): HostTensor => hostTensor(data, [rows, columns]);

function programOf({ keeps }: Runtime, x: Matrix, w: Matrix): Program {
  const [left, right] = [input("x", [x.rows, x.columns]), input("w", [w.rows, w.columns])];
  return buildProgram({ y: int8Linear(left, quantise(right)) }, { keep: keeps });
}

async function run(runtime: Runtime, x: Matrix, w: Matrix): Promise<HostTensor["data"]> {
  const executable = await runtime.compile(programOf(runtime, x, w));
  const { y } = await executable.run({ x: host(x), w: host(w) });
  executable.dispose();
  return y!.data;
}

const changed = (x: Matrix, change: (value: number, row: number, column: number) => number): Matrix => ({
  ...x,
  data: x.data.map((value, at) => change(value, Math.floor(at / x.columns), at % x.columns)),
});

const trials: Record<string, readonly [Matrix, Matrix]> = {
  "one by one": [drawn("x", 1, 1), drawn("w", 1, 1)],
  "K no multiple of 4": [drawn("x", 9, 70), drawn("w", 130, 70)],
  "K no multiple of 128": [drawn("x", 131, 260), drawn("w", 9, 260)],
  "nothing but zeros": [changed(drawn("x", 3, 6), () => 0), changed(drawn("w", 2, 6), () => 0)],
  "rows of zeros, and nothing else in a tile": [
    changed(drawn("x", 140, 132), (value, row) => (row < 128 || row === 130 ? 0 : value)),
    changed(drawn("w", 9, 132), (value, row) => (row === 7 ? 0 : value)),
  ],
  "huge values in one tile, tiny ones in the next": [
    changed(drawn("x", 130, 256), (value, row) => (row < 128 ? value * 1e30 : value * 1e-30)),
    changed(drawn("w", 5, 256), (value, _, column) => (column < 128 ? value * 1e5 : value * 1e-5)),
  ],
  "every code at its end": [
    changed(drawn("x", 5, 384), (_, row) => (row % 2 ? 3 : -3)),
    changed(drawn("w", 20, 384), (_, row) => (row % 3 ? -0.25 : 0.25)),
  ],
  "halves, to the even code": [
    changed(drawn("x", 16, 130), (_, row, column) => (column === 0 ? 128 : ((row * 130 + column) % 256) - 127.5)),
    changed(drawn("w", 17, 130), (_, row, column) => (column === 0 ? 64 : (((row + column) % 128) - 64) / 4)),
  ],
};

describe.each(runtimes)("8-bit products on %s", (_, runtime) => {
  test.each(Object.entries(trials))("%s", async (__, [x, w]) => {
    const got = await run(runtime, x, w);
    expect(relativeError(got, product(x, w))).toBeLessThan(2e-6);
  });
});

test.skipIf(!tiled).each([
  ["8 bits, a lane an element", 3, 20, 5],
  ["8 bits, tiles of 8x64", 5, 300, 70],
  ["8 bits, tiles of 32x32", 40, 44, 36],
  ["8 bits, tiles of 64x64", 260, 8, 258],
  ["8 bits, tiles of 128x128", 1030, 3, 900],
] as const)("%s", async (variant, rows, inner, columns) => {
  const [x, w] = [drawn("x", rows, inner), drawn("w", columns, inner)];
  const { steps } = tiled!.lower(programOf(tiled!, x, w));
  expect(steps.at(-1)!.shader.variant).toBe(variant);
  expect(relativeError(await run(tiled!, x, w), product(x, w))).toBeLessThan(2e-6);
});

test("codes lie in words as bytes in memory", async () => {
  const x = drawn("x", 3, 10);
  const { codes, scale } = quantise(input("x", [3, 10]));
  const expected = quantised(x);
  for (const [, runtime] of runtimes) {
    const executable = await runtime.compile(buildProgram({ codes, scale }, { keep: runtime.keeps }));
    const got = await executable.run({ x: host(x) });
    executable.dispose();
    const bytes = new Int8Array(Int32Array.from(got["codes"]!.data).buffer);
    for (let row = 0; row < 3; row++)
      expect([...bytes.subarray(12 * row, 12 * row + 12)]).toEqual([
        ...expected.codes.subarray(10 * row, 10 * row + 10),
        0,
        0,
      ]);
    expect(got["scale"]!.data[0]).toBeCloseTo(expected.scale[0]!, 8);
  }
});
