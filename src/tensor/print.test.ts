import { expect, test } from "vitest";
import { attention } from "../kernels/attention.ts";
import { linear } from "../kernels/linear.ts";
import { softmax } from "../kernels/softmax.ts";
import { flops } from "./flops.ts";
import { mount } from "./mount.ts";
import { printProgram, printSummary, quantity, summarise } from "./print.ts";
import { buildProgram } from "./program.ts";
import { constant, input, parameter, type Tensor } from "./tensor.ts";

class Layer {
  readonly weight = parameter([4, 6]);
  forward(x: Tensor): Tensor {
    const h = linear(x, this.weight).mul(0.5);
    return softmax(h.slice(1, 0, 2).reshape(2, 1, 2)).sum(0);
  }
}

const model = mount({ layer: new Layer() }.layer, "layer");
const x = input("x", [2, 6]);
const y = model.forward(x);
const outputs = { y, z: y.matmul(constant([1, 2, 3, 4, 5, 6], [2, 3])) };

test("a program is printed a line a node", () => {
  expect(printProgram(buildProgram(outputs, { keep: () => true })).split("\n")).toEqual([
    "%0 f32[4, 6] = parameter layer.weight",
    "%1 f32[2, 6] = input x",
    "%2 f32[2, 4] = linear x, layer.weight  # layer",
    "%3 f32[] = fill 0.5  # layer",
    "%4 f32[2, 4] = mul %2, 0.5  # layer",
    "%5 f32[2, 2] = slice %4 [:, 0:2]  # layer",
    "%6 f32[2, 1, 2] = reshape %5  # layer",
    "%7 f32[2, 1, 2] = softmax %6  # layer",
    "%8 f32[1, 1, 2] = sum %7 axes [0]  # layer",
    "%9 f32[1, 2] = reshape %8  # layer",
    "%10 f32[2, 3] = constant 1, 2, 3, 4, …",
    "%11 f32[1, 3] = matmul %9, %10",
    "output y = %9",
    "output z = %11",
  ]);
});

test("a summary counts operations, weights and arithmetic", () => {
  const summary = summarise(buildProgram(outputs, { keep: () => true }));
  expect(summary).toMatchObject({ nodes: 12, parameters: 24, parameterBytes: 96 });
  expect(summary.ops[0]).toEqual({ name: "linear", count: 1, flops: 2 * 2 * 4 * 6 });
  expect(printSummary(buildProgram(outputs, { keep: () => true }))).toMatch(
    /^12 nodes, 24 parameters \(96 B\), 140 FLOP\n {2}linear ×1 {2}96 FLOP\n/,
  );
  expect([quantity(1_923_385_472), quantity(999, "B"), quantity(2e15, "FLOP")]).toEqual(["1.92 G", "999 B", "2 PFLOP"]);
});

test("arithmetic is the same whether a kernel is kept or opened", () => {
  const [q, k, v] = ["q", "k", "v"].map((name) => input(name, [1, 64, 32])) as [Tensor, Tensor, Tensor];
  const out = attention(q, k, v, { heads: 4, scale: 0.5 });
  const kept = flops(buildProgram({ out }, { keep: () => true }));
  expect(kept).toBe(flops(buildProgram({ out })));
  const products = 4 * 64 * 64 * 32;
  expect(kept).toBeGreaterThan(products);
  expect(kept).toBeLessThan(products + 6 * 4 * 64 * 64);
});

test("a convolution counts two for each weight and place", () => {
  const out = input("x", [2, 3, 4, 5, 6]).conv(parameter([7, 3, 3, 3, 3]), {
    padding: [
      [2, 0],
      [1, 1],
      [1, 1],
    ],
  });
  expect(flops(buildProgram({ out }))).toBe(2 * (2 * 7 * 4 * 5 * 6) * (3 * 27));
});
