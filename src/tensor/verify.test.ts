import { describe, expect, test } from "vitest";
import { ShapeError } from "../base/errors.ts";
import { linear } from "../kernels/linear.ts";
import { mount } from "./mount.ts";
import { buildProgram, type Node, type Program } from "./program.ts";
import { input, parameter, type Tensor } from "./tensor.ts";
import { verify } from "./verify.ts";

class Layer {
  readonly weight = parameter([3, 4]);
  readonly bias = parameter([3]);
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias).tanh();
  }
}

class Model {
  readonly layers = [new Layer(), new Layer()];
  forward(x: Tensor): Tensor {
    return this.layers[0]!.forward(x).add(this.layers[1]!.forward(x));
  }
}

const model = mount(new Model());
const sound = buildProgram(
  { y: model.forward(input("x", [2, 4])) },
  { keep: () => true, updates: new Map([[model.layers[0]!.bias, model.layers[0]!.bias.mul(0.5)]]) },
);

/** The program with one node changed. */
function broken(match: (node: Node) => boolean, change: Partial<Node>): Program {
  const at = sound.nodes.findIndex(match);
  return { ...sound, nodes: sound.nodes.map((node, i) => (i === at ? { ...node, ...change } : node)) };
}

const fault = (program: Program): string => {
  try {
    verify(program);
  } catch (error) {
    expect(error).toBeInstanceOf(ShapeError);
    return (error as ShapeError).message;
  }
  return "sound";
};

const isTanh = (node: Node) => node.op === "tanh";
const isKernel = (node: Node) => node.op === "kernel";

test("a traced program is sound", () => expect(fault(sound)).toBe("sound"));

describe("a fault is told with its layer", () => {
  test.each<[string, Program, RegExp]>([
    ["an operand from later", broken(isTanh, { inputs: [11] }), /^layers\.0: tanh %\d+: reads %11, which is not comp/],
    ["an operand from nowhere", broken(isTanh, { inputs: [-1] }), /reads %-1/],
    ["itself", broken(isKernel, { inputs: [0, 1, 99] }), /^layers\.0: linear %\d+: reads %99/],
    ["too few operands", broken(isTanh, { inputs: [] }), /tanh %\d+: takes 1 operands, got 0/],
    ["another shape", broken(isTanh, { shape: [3, 2] }), /is f32 \[3, 2\], its operands make f32 \[2, 3\]/],
    ["another dtype", broken(isTanh, { dtype: "i32" }), /is i32 \[2, 3\], its operands make f32 \[2, 3\]/],
    [
      "a kernel's shape",
      broken(isKernel, { shape: [2, 4] }),
      /linear %\d+: is f32 \[2, 4\], its operands make f32 \[2, 3\]/,
    ],
    ["a kernel's operands", broken(isKernel, { inputs: [0, 0, 2] }), /linear %\d+: add with operand 2: shapes/],
    ["no such operation", broken(isTanh, { op: "erf" as never }), /erf %\d+: no such operation/],
    [
      "a broken size",
      broken((node) => node.op === "input", { shape: [2.5, 4] }),
      /sizes must be whole numbers from 1, got/,
    ],
  ])("%s", (_, program, message) => expect(fault(program)).toMatch(message));
});

describe("names", () => {
  test("are taken once", () => {
    const [a, b] = [new Layer(), new Layer()].map((layer) => mount(layer)) as [Layer, Layer];
    const x = input("x", [2, 4]);
    expect(() => buildProgram({ y: a.forward(x).add(b.forward(x)) })).toThrow("two parameters are called weight");
    expect(() => buildProgram({ y: x.add(input("x", [1, 4])) })).toThrow("two inputs are called x");
    expect(fault(buildProgram({ y: x.add(input("x", [2, 4])) }))).toBe("sound");
    expect(fault(broken((node) => node.name === "layers.1.bias", { name: "layers.0.bias" }))).toMatch(
      /the parameter layers\.1\.bias is not node|two parameters are called layers\.0\.bias/,
    );
    const clash = buildProgram({ y: input("w", [3]).add(Object.assign(parameter([3]), { name: "w" })) });
    expect(fault(clash)).toBe("an input and a parameter are both called w");
  });

  test("stand for their nodes", () => {
    expect(fault({ ...sound, inputs: new Map([["x", 1]]) })).toMatch(/the input x is not node %1/);
    expect(fault({ ...sound, outputs: new Map([["y", 99]]) })).toMatch(/output y is node %99, the program has/);
  });
});

test("updates fit their parameters", () => {
  const value = sound.updates.get("layers.0.bias")!;
  expect(fault({ ...sound, updates: new Map([["layers.7.bias", value]]) })).toMatch(/an update of layers\.7\.bias/);
  expect(fault({ ...sound, updates: new Map([["layers.1.weight", value]]) })).toBe(
    "the parameter layers.1.weight is f32 [3, 4], its update f32 [3]",
  );
});

test("constants hold what they say", () => {
  const value = { dtype: "f32", shape: [2], data: Float32Array.of(1, 2, 3) } as const;
  const constant: Node = { op: "constant", attributes: { value }, inputs: [], shape: [2], dtype: "f32", scope: "head" };
  const program = {
    nodes: [constant],
    inputs: new Map(),
    parameters: new Map(),
    outputs: new Map(),
    updates: new Map(),
  };
  expect(fault(program)).toBe("head: constant %0: holds 3 values, its shape 2");
});
