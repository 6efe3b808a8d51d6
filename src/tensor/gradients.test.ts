import { describe, expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor, sizeOf } from "./dtype.ts";
import { tangentsOf } from "./forward.ts";
import { buildProgram } from "./program.ts";
import { gradients, pullbacks } from "./reverse.ts";
import { concat, input, recompute, type Tensor } from "./tensor.ts";

type Case = { shapes: number[][]; f: (...x: Tensor[]) => Tensor; positive?: boolean };

const indices = (values: number[]) => input("indices", [values.length], "i32");
const fed: Record<string, HostTensor> = { indices: hostTensor(Int32Array.from([2, 0, 2]), [3]) };

/** One trial per primitive that has a gradient; a primitive without one fails the table check below. */
const cases: Record<string, Case[]> = {
  neg: [{ shapes: [[2, 3]], f: (x) => x!.neg() }],
  exp: [{ shapes: [[2, 3]], f: (x) => x!.exp() }],
  log: [{ shapes: [[2, 3]], f: (x) => x!.log(), positive: true }],
  sqrt: [{ shapes: [[2, 3]], f: (x) => x!.sqrt(), positive: true }],
  rsqrt: [{ shapes: [[2, 3]], f: (x) => x!.rsqrt(), positive: true }],
  sin: [{ shapes: [[2, 3]], f: (x) => x!.sin() }],
  cos: [{ shapes: [[2, 3]], f: (x) => x!.cos() }],
  tanh: [{ shapes: [[2, 3]], f: (x) => x!.tanh() }],
  sigmoid: [{ shapes: [[2, 3]], f: (x) => x!.sigmoid() }],
  abs: [{ shapes: [[2, 3]], f: (x) => x!.abs() }],
  cast: [{ shapes: [[2, 3]], f: (x) => x!.cast("bf16").cast("f32") }],
  add: [
    { shapes: [[2, 3], [3]], f: (a, b) => a!.add(b!) },
    {
      shapes: [
        [2, 1],
        [4, 1, 3],
      ],
      f: (a, b) => a!.add(b!),
    },
  ],
  sub: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      f: (a, b) => a!.sub(b!),
    },
  ],
  mul: [
    {
      shapes: [
        [2, 3],
        [1, 3],
      ],
      f: (a, b) => a!.mul(b!),
    },
    { shapes: [[3], [3]], f: (a) => a!.mul(a!) },
  ],
  div: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.div(b!), positive: true }],
  pow: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.pow(b!), positive: true }],
  max: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.max(b!) }],
  min: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.min(b!) }],
  select: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.less(0.1).select(a!.mul(2), b!) }],
  sum: [{ shapes: [[2, 3, 4]], f: (x) => x!.sum([0, 2]) }],
  amax: [{ shapes: [[2, 3, 4]], f: (x) => x!.amax(1) }],
  matmul: [
    {
      shapes: [
        [2, 3, 4],
        [4, 5],
      ],
      f: (a, b) => a!.matmul(b!),
    },
    {
      shapes: [
        [2, 3, 4],
        [2, 5, 4],
      ],
      f: (a, b) => a!.matmul(b!, { transposeB: true }),
    },
    {
      shapes: [
        [2, 4, 3],
        [4, 5],
      ],
      f: (a, b) => a!.matmul(b!, { transposeA: true }),
    },
    {
      shapes: [
        [4, 3],
        [2, 5, 4],
      ],
      f: (a, b) => a!.matmul(b!, { transposeA: true, transposeB: true }),
    },
    {
      shapes: [
        [2, 3, 4],
        [5, 4],
      ],
      f: (a, b) => a!.matmul(b!, { transposeB: true }),
    },
  ],
  conv: [
    {
      shapes: [
        [2, 3, 3, 4, 4],
        [2, 3, 3, 3, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          padding: [
            [0, 0],
            [1, 1],
            [1, 1],
          ],
        }),
    },
    {
      shapes: [
        [1, 2, 4, 5, 4],
        [3, 2, 2, 3, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          stride: [2, 2, 2],
          padding: [
            [1, 0],
            [1, 1],
            [0, 1],
          ],
        }),
    },
    {
      shapes: [
        [1, 2, 2, 2, 2],
        [3, 2, 1, 1, 1],
      ],
      f: (x, w) => x!.conv(w!),
    },
  ],
  reshape: [{ shapes: [[2, 6]], f: (x) => x!.reshape(3, -1) }],
  permute: [{ shapes: [[2, 3, 4]], f: (x) => x!.permute(2, 0, 1) }],
  broadcast: [{ shapes: [[3, 1]], f: (x) => x!.broadcast([2, 3, 4]) }],
  slice: [{ shapes: [[7, 5]], f: (x) => x!.slice(0, 1, 6, 2).slice(1, -2) }],
  pad: [{ shapes: [[2, 3]], f: (x) => x!.pad([1, 0], [0, 2]) }],
  concat: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      f: (a, b) => concat([a!, b!, a!], 1),
    },
  ],
  flip: [{ shapes: [[3, 4]], f: (x) => x!.flip(0, 1) }],
  gather: [{ shapes: [[4, 3]], f: (x) => x!.gather(indices([2, 0, 2])) }],
  "scatter-add": [{ shapes: [[3, 2]], f: (x) => x!.scatterAdd(indices([2, 0, 2]), 4) }],
  barrier: [{ shapes: [[2, 3], [2]], f: (a, b) => a!.barrier(b!) }],
};

const without = ["input", "parameter", "constant", "fill", "sign", "floor", "not", "less", "equal", "kernel"];

async function value(
  outputs: Record<string, Tensor>,
  feeds: Record<string, HostTensor>,
): Promise<Record<string, HostTensor>> {
  return (await reference.compile(buildProgram(outputs))).run({ ...fed, ...feeds });
}

test("every primitive is in the table, with or without a gradient", () => {
  expect([...Object.keys(cases), ...without].sort()).toEqual(Object.keys(pullbacks).sort());
});

describe.each(Object.entries(cases).flatMap(([op, list]) => list.map((one, i) => [`${op} ${i}`, one] as const)))(
  "%s",
  (_, { shapes, f, positive }) => {
    const inputs = shapes.map((shape, i) => input(`x${i}`, shape));
    const values = shapes.map((shape, i) => {
      const data = Float64Array.from(gaussian(sizeOf(shape), 7, i));
      return { dtype: "f32", shape, data: positive ? data.map((x) => Math.abs(x) + 0.5) : data } satisfies HostTensor;
    });
    const out = f(...inputs);
    const weight = input("weight", out.shape);
    const loss = out.mul(weight).sum();
    const feeds = Object.fromEntries(values.map((v, i) => [`x${i}`, v]));
    const weights = {
      weight: {
        dtype: "f32",
        shape: out.shape,
        data: Float64Array.from(gaussian(sizeOf(out.shape), 8)),
      } satisfies HostTensor,
    };

    test("reverse mode agrees with finite differences", async () => {
      const grads = gradients(loss, inputs);
      const got = await value(Object.fromEntries(grads.map((g, i) => [`g${i}`, g])), { ...feeds, ...weights });
      for (const [i, v] of values.entries())
        for (let k = 0; k < v.data.length; k++) {
          const at = async (step: number) => {
            const data = v.data.slice();
            data[k]! += step;
            return (await value({ loss }, { ...feeds, ...weights, [`x${i}`]: { ...v, data } })).loss!.data[0]!;
          };
          const slope = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
          expect(got[`g${i}`]!.data[k]).toBeCloseTo(slope, 5);
        }
    });

    test("forward mode agrees with reverse mode", async () => {
      const moves = shapes.map((shape, i) => input(`t${i}`, shape));
      const [tangent] = tangentsOf([loss], new Map(inputs.map((x, i) => [x, moves[i]!])));
      const grads = gradients(loss, inputs);
      let expected = grads[0]!.mul(moves[0]!).sum();
      for (let i = 1; i < grads.length; i++) expected = expected.add(grads[i]!.mul(moves[i]!).sum());
      const steps = Object.fromEntries(
        shapes.map((shape, i) => [`t${i}`, hostTensor(Float64Array.from(gaussian(sizeOf(shape), 9, i)), shape)]),
      );
      const got = await value({ tangent: tangent!, expected }, { ...feeds, ...weights, ...steps });
      expect(got["tangent"]!.data[0]).toBeCloseTo(got["expected"]!.data[0]!, 8);
    });
  },
);

test("recomputed blocks give the same gradients and stay apart from the first computation", async () => {
  const x = input("x", [4, 4]);
  const w = input("w", [4, 4]);
  const block = (h: Tensor) => h.matmul(w).tanh().mul(h.exp()).sin();
  const plain = gradients(block(block(x)).sum(), [w])[0]!;
  const again = gradients(recompute(() => block(recompute(() => block(x)))).sum(), [w])[0]!;
  const feeds = { x: hostTensor(gaussian(16, 1), [4, 4]), w: hostTensor(gaussian(16, 2), [4, 4]) };
  const got = await value({ plain, again }, feeds);
  expect(got["again"]!.data).toEqual(got["plain"]!.data);
  const count = (outputs: Record<string, Tensor>) =>
    buildProgram(outputs).nodes.filter((node) => node.op === "tanh").length;
  expect(count({ plain })).toBe(2);
  const loss = recompute(() => block(x)).sum();
  expect(count({ loss, again: gradients(loss, [w])[0]! })).toBe(2);
});
