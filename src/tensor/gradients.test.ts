import { describe, expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor, sizeOf } from "./dtype.ts";
import { tangentsOf } from "./forward.ts";
import { buildProgram } from "./program.ts";
import { recompute } from "./region.ts";
import { gradients } from "./reverse.ts";
import { type OpSample, opSamples, sampleInputs } from "./samples.ts";
import { input, type Tensor } from "./tensor.ts";

async function value(
  outputs: Record<string, Tensor>,
  feeds: Record<string, HostTensor>,
): Promise<Record<string, HostTensor>> {
  return (await reference.compile(buildProgram(outputs))).run({ ...sampleInputs, ...feeds });
}

const trials = Object.entries(opSamples).flatMap(([op, list]: [string, OpSample[]]) =>
  list.filter((one) => !one.flat).map((one, i) => [`${op} ${i}`, one] as const),
);

describe.each(trials)("%s", (_, { shapes, f, positive }) => {
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
});

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
