import { describe, expect, test } from "vitest";
import { ShapeError } from "../base/errors.ts";
import { within } from "./scope.ts";
import { concat, input, parameter, stack, type Tensor } from "./tensor.ts";

const a = input("a", [2, 3]);
const b = input("b", [4, 5]);
const whole = input("whole", [2, 3], "i32");
const flag = a.less(0);
const clip = input("clip", [1, 2, 3, 4, 5]);
const kernel = parameter([6, 2, 3, 3, 3]);

/** What is asked for, and what is said. */
const faults: readonly (readonly [string, () => unknown, string])[] = [
  ["shapes that do not broadcast", () => a.add(b), "add with a, b: shapes [2, 3] and [4, 5] do not broadcast"],
  ["two dtypes", () => a.mul(whole), "mul with a, whole: dtypes f32 and i32 differ; cast one of them"],
  ["bool arithmetic", () => flag.add(flag), "add: needs numbers, got bool"],
  ["whole-number division", () => whole.div(whole), "div with whole, whole: needs floats, got i32"],
  ["the root of whole numbers", () => whole.sqrt(), "sqrt with whole: needs floats, got i32"],
  ["the sign of a bool", () => flag.neg(), "neg: needs numbers, got bool"],
  ["not of a number", () => a.not(), "not with a: needs bool, got f32"],
  ["a number as condition", () => a.select(a, a), "select with a, a, a: select needs a bool condition, got f32"],
  ["branches of two dtypes", () => flag.select(a, whole), "select with a, whole: dtypes f32 and i32 differ"],
  ["a sum of bool", () => flag.sum(), "sum: needs numbers, got bool"],
  ["an axis that is not there", () => a.sum(2), "no axis 2 in [2, 3]"],
  ["a negative one", () => a.mean(-3), "no axis -3 in [2, 3]"],
  ["an axis twice", () => a.sum([0, -2]), "sum with a: axes [0, 0] hold one twice"],
  ["inner sizes", () => a.matmul(b), "matmul with a, b: inner sizes 3 and 4 of [2, 3] x [4, 5] differ"],
  [
    "a vector as matrix",
    () => a.matmul(input("v", [3])),
    "matmul with a, v: matmul needs matrices, got [2, 3] and [3]",
  ],
  ["a product of whole numbers", () => whole.matmul(whole, { transposeB: true }), "needs floats, got i32"],
  ["a conv of matrices", () => a.conv(kernel), "conv needs [B, C, F, H, W] and [O, C, f, h, w], got [2, 3] and"],
  ["channels of a conv", () => input("x", [1, 3, 3, 4, 5]).conv(kernel), "conv of 3 channels with a weight for 2"],
  [
    "a kernel larger than its clip",
    () => clip.slice(2, 1).conv(kernel),
    "conv kernel [3, 3, 3] is larger than [2, 4, 5]",
  ],
  ["a stride of 0", () => clip.conv(kernel, { stride: [1, 0, 1] }), "conv with stride [1, 0, 1] and padding"],
  [
    "a size that does not divide",
    () => a.reshape(4, -1),
    "reshape with a: sizes must be whole numbers from 1, got [4, 1.5]",
  ],
  ["two open sizes", () => a.reshape(-1, -1), "reshape with a: "],
  ["another number of elements", () => a.reshape(7), "cannot reshape [2, 3] (6) to [7] (7)"],
  ["an order with an axis twice", () => a.permute(0, 0), "permute order [0, 0] does not fit [2, 3]"],
  ["an order that is too short", () => a.permute(1), "permute order [1] does not fit [2, 3]"],
  ["a broadcast to fewer", () => a.broadcast([3]), "[2, 3] does not broadcast to [3]"],
  ["a slice past the end", () => a.slice(1, 0, 4), "slice 0:4:1 leaves axis 1 of [2, 3]"],
  ["an empty slice", () => a.slice(0, 1, 1), "slice 1:1:1 leaves axis 0 of [2, 3]"],
  ["a slice of half a row", () => a.slice(1, 0.5), "slice [0, 0.5] does not fit [2, 3]"],
  ["parts that do not divide", () => a.chunk(2, 1), "slice [2, 1.5] does not fit [2, 3]"],
  ["negative padding", () => a.pad([0, -1], [0, 0]), "pad [0, -1], [0, 0] does not fit [2, 3]"],
  ["padding for other axes", () => a.pad([1], [1]), "pad [1], [1] does not fit [2, 3]"],
  ["joining nothing", () => concat([], 0), "concat: nothing to join"],
  ["joining other sizes", () => concat([a, b], 0), "concat with a, b: cannot join f32 [2, 3], f32 [4, 5] along axis 0"],
  ["joining other dtypes", () => concat([a, whole], 0), "cannot join f32 [2, 3], i32 [2, 3] along axis 0"],
  ["stacking other shapes", () => stack([a, b], 0), "cannot join f32 [1, 2, 3], f32 [1, 4, 5] along axis 0"],
  ["turning an axis that is not there", () => a.flip(2), "no axis 2 in [2, 3]"],
  ["float indices", () => a.gather(a), "gather with a, a: gather needs i32 indices, got f32"],
  ["rows of a scalar", () => a.sum().gather(whole), "gather needs a table with rows, got a scalar"],
  [
    "more indices than rows",
    () => a.scatterAdd(input("i", [3], "i32"), 4),
    "scatter-add of [2, 3] at [3]: an index for each",
  ],
  [
    "a table without rows",
    () => a.scatterAdd(input("i", [2], "i32"), 0),
    "sizes must be whole numbers from 1, got [0, 3]",
  ],
  ["an empty input", () => input("none", [2, 0]), "input: sizes must be whole numbers from 1, got [2, 0]"],
  ["a weight of half a channel", () => parameter([2.5]), "parameter: sizes must be whole numbers from 1, got [2.5]"],
  ["a size that is no number", () => input("nan", [Number.NaN, 2]), "sizes must be whole numbers from 1, got [NaN, 2]"],
];

describe("what cannot be meant is told while tracing, with the layer", () => {
  test.each(faults)("%s", (_, trace, message) => {
    expect(trace).toThrow(ShapeError);
    expect(trace).toThrow(message);
    expect(() => within("blocks.7.norm", trace)).toThrow(/^blocks\.7\.norm: /);
  });
});

test("what is meant is let through", () => {
  const shapes: Record<string, Tensor> = {
    "2,1": a.slice(1, -1),
    "3,2": a.reshape(-1, 2),
    "2,2,3": stack([a, a], 0),
    "6,3": concat([a, a, a], 0),
    "": a.sum(),
    "1,1": a.sum(undefined, true),
    "2,3": whole.add(whole).max(1),
  };
  for (const [shape, x] of Object.entries(shapes)) expect(x.shape.join()).toBe(shape);
});
