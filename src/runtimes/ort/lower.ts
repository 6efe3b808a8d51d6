/** From tensor programs to ONNX graphs. */
import type { OrtForm } from "../../kernels/onnx.ts";
import { isWeightBound } from "../../tensor/conv-gradients.ts";
import { formatShape, sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes, OpName } from "../../tensor/ops.ts";
import type { Node, Program } from "../../tensor/program.ts";
import { convInBlocks, suitsBlocks } from "./blocked-conv.ts";
import { convByColumns, slice } from "./conv.ts";
import { Emitter, type LoweredOperand, operand } from "./emitter.ts";
import { INT64, type OnnxGraph, type OnnxTensor, onnxType } from "./onnx-file.ts";
import { keepOrder, weightsFirst } from "./order.ts";

type Lower<K extends OpName> = (
  emit: Emitter,
  inputs: readonly LoweredOperand[],
  attributes: OpAttributes[K],
  node: Node,
) => string;

const INT64_MIN = -(2 ** 62); // any start beyond the first element: a slice that runs backwards to the front

const plain =
  (op: string): Lower<OpName> =>
  (emit, inputs) =>
    emit.node(
      op,
      inputs.map((x) => operand(emit, x, false)),
    );

/** An operand of an elementwise operation: a filled one goes in as a scalar and broadcasts. */
const elementwise =
  (op: string): Lower<OpName> =>
  (emit, inputs) =>
    emit.node(
      op,
      inputs.map((x, i) =>
        operand(
          emit,
          x,
          inputs.some(
            (y, j) =>
              j !== i &&
              y.node.op !== "fill" &&
              sizeOf(y.node.shape) >= sizeOf(x.node.shape) &&
              y.node.shape.length >= x.node.shape.length,
          ),
        ),
      ),
    );

const lowerings = {
  input: (_, __, ___, node) => node.name!,
  parameter: (_, __, ___, node) => node.name!,
  constant: (emit, _, { value }) => emit.host(value),
  fill: () => "", // written out where it is used
  neg: plain("Neg"),
  exp: plain("Exp"),
  log: plain("Log"),
  sqrt: plain("Sqrt"),
  rsqrt: (emit, [x]) => emit.node("Reciprocal", [emit.node("Sqrt", [operand(emit, x!, false)])]),
  sin: plain("Sin"),
  cos: plain("Cos"),
  tanh: plain("Tanh"),
  sigmoid: plain("Sigmoid"),
  abs: plain("Abs"),
  sign: plain("Sign"),
  floor: plain("Floor"),
  not: plain("Not"),
  cast: (emit, [x], { dtype }) => emit.node("Cast", [operand(emit, x!, false)], { to: onnxType[dtype] }),
  add: elementwise("Add"),
  sub: elementwise("Sub"),
  mul: elementwise("Mul"),
  div: elementwise("Div"),
  pow: elementwise("Pow"),
  max: elementwise("Max"),
  min: elementwise("Min"),
  less: elementwise("Less"),
  equal: elementwise("Equal"),
  select: elementwise("Where"),
  sum: (emit, [x], { axes }) =>
    emit.node("ReduceSum", [operand(emit, x!, false), emit.integers(axes)], { keepdims: 1 }),
  amax: (emit, [x], { axes }) =>
    emit.node("ReduceMax", [operand(emit, x!, false), emit.integers(axes)], { keepdims: 1 }),
  matmul: (emit, inputs, { transposeA, transposeB }) => {
    const operands = inputs.map((x) => operand(emit, x, false));
    if (!transposeA && !transposeB) return emit.node("MatMul", operands);
    return emit.node(
      "FusedMatMul",
      operands,
      { transA: Number(transposeA), transB: Number(transposeB) },
      "com.microsoft",
    );
  },
  conv: (emit, inputs, attributes, node) => {
    const operands = inputs.map((x) => operand(emit, x, false)) as [string, string];
    const weight = inputs[1]!.node.shape;
    if (isWeightBound(weight, node.shape))
      return convByColumns(emit, operands, inputs[0]!.node.shape, weight, attributes, node.shape);
    if (suitsBlocks(emit.channelBlock, weight, node.shape))
      return convInBlocks(emit, operands, inputs[0]!.node.shape, weight, attributes, node.shape);
    const { stride, padding } = attributes;
    const pads = [...padding.map(([low]) => low), ...padding.map(([, high]) => high)];
    return emit.node("Conv", operands, { strides: stride, pads, kernel_shape: weight.slice(2) });
  },
  reshape: (emit, [x], { shape }) => emit.node("Reshape", [operand(emit, x!, false), emit.integers(shape)]),
  permute: (emit, [x], { order }) => emit.node("Transpose", [operand(emit, x!, false)], { perm: order }),
  broadcast: (emit, [x], { shape }) => emit.node("Expand", [operand(emit, x!, false), emit.integers(shape)]),
  slice: (emit, [x], { start, stop, step }) => {
    const axes = start
      .map((_, axis) => axis)
      .filter((axis) => start[axis] !== 0 || stop[axis] !== x!.node.shape[axis] || step[axis] !== 1);
    const of = (list: readonly number[]) => axes.map((axis) => list[axis]!);
    return slice(emit, operand(emit, x!, false), of(start), of(stop), axes, of(step));
  },
  pad: (emit, [x], { before, after }, node) =>
    emit.node("Pad", [operand(emit, x!, false), emit.integers([...before, ...after]), emit.scalar(0, node.dtype)]),
  concat: (emit, inputs, { axis }) =>
    emit.node(
      "Concat",
      inputs.map((x) => operand(emit, x, false)),
      { axis },
    ),
  flip: (emit, [x], { axes }) => {
    const each = (value: number) => axes.map(() => value);
    return slice(emit, operand(emit, x!, false), each(-1), each(INT64_MIN), axes, each(-1));
  },
  gather: (emit, [table, indices], _, node) => {
    const at = operand(emit, indices!, false);
    if (!table!.stored) return emit.node("Gather", [operand(emit, table!, false), at], { axis: 0 });
    // Rows first: a vocabulary widened as a whole takes half a gigabyte.
    return emit.node("Cast", [emit.node("Gather", [table!.stored, at], { axis: 0 })], { to: onnxType[node.dtype] });
  },
  "scatter-add": (emit, [values, indices], _, node) => {
    const zero = emit.node("Expand", [emit.scalar(0, node.dtype), emit.integers(node.shape)]);
    const at = emit.node("Unsqueeze", [
      emit.node("Cast", [indices!.name], { to: INT64 }),
      emit.integers([indices!.node.shape.length]),
    ]);
    return emit.node("ScatterND", [zero, at, operand(emit, values!, false)], { reduction: "add" });
  },
  barrier: (emit, [x, after]) => {
    // Reads one element of `after`; no optimiser can know that both branches are the same value for a NaN-safe reason.
    const rank = after!.node.shape.length;
    const flat =
      rank === 0
        ? emit.node("Reshape", [operand(emit, after!, false), emit.integers([1])])
        : operand(emit, after!, false);
    const axes = Array.from({ length: Math.max(1, rank) }, (_, axis) => axis);
    const one = emit.node("Reshape", [
      slice(
        emit,
        flat,
        axes.map(() => 0),
        axes.map(() => 1),
        axes,
        axes.map(() => 1),
      ),
      emit.integers([1]),
    ]);
    const value = operand(emit, x!, false);
    return emit.node("Where", [emit.node("Equal", [one, one]), value, value]);
  },
  kernel: (emit, inputs, { kernel, options }, node) => {
    const form = kernel.fast?.["ort"] as OrtForm<unknown>;
    const values = inputs.map((x) => ({ name: operand(emit, x, false), shape: x.node.shape, dtype: x.node.dtype }));
    return form.lower(emit, values, options, { shape: node.shape });
  },
} satisfies { [K in OpName]: Lower<K> };

export interface LowerOptions {
  /** What to hold of a parameter: nothing (it is an input of every run), or its bytes as a constant of the graph. */
  initializer: (name: string, node: Node) => OnnxTensor | undefined;
  /** See `Emitter.channelBlock`. Used where a program trains: to decode, the copies of whole maps would take memory. */
  channelBlock?: number;
}

/** Parameters of which rows are gathered and nothing else is done with them. */
function tables({ nodes, outputs }: Program): Set<number> {
  const found = new Set(nodes.flatMap(({ op, inputs }) => (op === "gather" ? [inputs[0]!] : [])));
  for (const { op, inputs } of nodes)
    for (const [position, at] of inputs.entries()) if (op !== "gather" || position !== 0) found.delete(at);
  for (const at of outputs.values()) found.delete(at);
  return new Set([...found].filter((at) => nodes[at]!.op === "parameter"));
}

/** The ONNX graph of a program. Parameters that stay inputs keep their names; updates come out as `update:NAME`. */
export function lower(program: Program, { initializer, channelBlock }: LowerOptions): OnnxGraph {
  const emit = new Emitter(program.updates.size ? channelBlock : 0);
  const operands: LoweredOperand[] = [];
  const inputs: OnnxGraph["inputs"][number][] = [];
  const isTable = tables(program);
  for (const [at, node] of program.nodes.entries()) {
    emit.scope = node.scope;
    const taken = node.inputs.map((i) => operands[i]!);
    let [name, stored] = ["", undefined as string | undefined];
    if (node.op === "parameter") {
      const tensor = initializer(node.name!, node);
      if (tensor) emit.initializers.set(node.name!, tensor);
      else inputs.push({ name: node.name!, shape: node.shape, dtype: node.dtype });
      stored = tensor && tensor.dataType !== onnxType[node.dtype] ? node.name! : undefined;
      name = node.name!;
      if (stored && !isTable.has(at)) name = emit.node("Cast", [stored], { to: onnxType[node.dtype] });
    } else {
      if (node.op === "input") inputs.push({ name: node.name!, shape: node.shape, dtype: node.dtype });
      name = (lowerings[node.op] as Lower<OpName>)(emit, taken, node.attributes, node);
    }
    operands.push({ name, node, stored });
  }
  const outputs: OnnxGraph["outputs"][number][] = [];
  const put = (name: string, at: number): void => {
    const from = operand(emit, operands[at]!, false);
    const { shape, dtype } = program.nodes[at]!;
    emit.nodeList.push({
      op: "Identity",
      domain: "",
      inputs: [from],
      outputs: [name],
      attributes: {},
      name: `output/${name}${formatShape(shape)}`,
    });
    outputs.push({ name, shape, dtype });
  };
  for (const [name, at] of program.outputs) put(`output:${name}`, at);
  for (const [name, at] of program.updates) put(`update:${name}`, at);
  const nodes = program.updates.size ? keepOrder(program, emit, operands, outputs) : weightsFirst(emit);
  return { nodes, initializers: [...emit.initializers.values()], inputs, outputs };
}
