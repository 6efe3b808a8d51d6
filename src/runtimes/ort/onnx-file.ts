/** Writes ONNX models: the part of the format (onnx.proto, IR version 10) that this project emits. */
import protobuf from "protobufjs";
import type { OnnxAttribute } from "../../kernels/onnx.ts";
import type { DType, Shape } from "../../tensor/dtype.ts";

const field = (id: number, type: string, rule?: "repeated") => (rule ? { id, type, rule } : { id, type });

const root = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: field(1, "int64"),
        producerName: field(2, "string"),
        graph: field(7, "Graph"),
        opsets: field(8, "Opset", "repeated"),
      },
    },
    Opset: { fields: { domain: field(1, "string"), version: field(2, "int64") } },
    Graph: {
      fields: {
        node: field(1, "Node", "repeated"),
        name: field(2, "string"),
        initializer: field(5, "Tensor", "repeated"),
        input: field(11, "ValueInfo", "repeated"),
        output: field(12, "ValueInfo", "repeated"),
      },
    },
    Node: {
      fields: {
        input: field(1, "string", "repeated"),
        output: field(2, "string", "repeated"),
        name: field(3, "string"),
        opType: field(4, "string"),
        attribute: field(5, "Attribute", "repeated"),
        domain: field(7, "string"),
      },
    },
    Attribute: {
      fields: {
        name: field(1, "string"),
        f: field(2, "float"),
        i: field(3, "int64"),
        s: field(4, "bytes"),
        floats: field(7, "float", "repeated"),
        ints: field(8, "int64", "repeated"),
        t: field(5, "Tensor"),
        type: field(20, "int32"),
      },
    },
    Tensor: {
      fields: {
        dims: field(1, "int64", "repeated"),
        dataType: field(2, "int32"),
        name: field(8, "string"),
        rawData: field(9, "bytes"),
        externalData: field(13, "Entry", "repeated"),
        dataLocation: field(14, "int32"),
      },
    },
    Entry: { fields: { key: field(1, "string"), value: field(2, "string") } },
    ValueInfo: { fields: { name: field(1, "string"), type: field(2, "Type") } },
    Type: { fields: { tensorType: field(1, "TensorType") } },
    TensorType: { fields: { elemType: field(1, "int32"), shape: field(2, "TensorShape") } },
    TensorShape: { fields: { dim: field(1, "Dimension", "repeated") } },
    Dimension: { fields: { dimValue: field(1, "int64") } },
  },
});
const Model = root.lookupType("Model");

/** ONNX's numbers for element types. */
export const onnxType: Record<DType, number> = { f32: 1, f16: 10, bf16: 16, i32: 6, bool: 9 };
export const INT64 = 7;

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  /** The bytes themselves, or where they lie in a file relative to the session's folder. */
  readonly rawData?: Uint8Array;
  readonly external?: { readonly location: string; readonly offset: number; readonly length: number };
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly name: string;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly { name: string; shape: Shape; dtype: DType }[];
  readonly outputs: readonly { name: string; shape: Shape; dtype: DType }[];
}

function attribute(name: string, value: OnnxAttribute): object {
  if (typeof value === "number") return { name, i: value, type: 2 };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: 3 };
  if ("float" in value) return { name, f: value.float, type: 1 };
  return { name, ints: value, type: 7 };
}

const valueInfo = ({ name, shape, dtype }: { name: string; shape: Shape; dtype: DType }) => ({
  name,
  type: { tensorType: { elemType: onnxType[dtype], shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
});

/** The bytes of an .onnx file (opset 21, and version 1 of the other domains that are used). */
export function encodeModel({ nodes, initializers, inputs, outputs }: OnnxGraph): Uint8Array {
  const graph = {
    name: "turbo2k",
    node: nodes.map((node) => ({
      input: node.inputs,
      output: node.outputs,
      name: node.name,
      opType: node.op,
      domain: node.domain,
      attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
    })),
    initializer: initializers.map(({ external, ...tensor }) =>
      external
        ? {
            ...tensor,
            dataLocation: 1,
            externalData: Object.entries(external).map(([key, value]) => ({ key, value: String(value) })),
          }
        : tensor,
    ),
    input: inputs.map(valueInfo),
    output: outputs.map(valueInfo),
  };
  const others = new Set(nodes.map(({ domain }) => domain).filter((domain) => domain !== ""));
  const opsets = [{ domain: "", version: 21 }, ...[...others].map((domain) => ({ domain, version: 1 }))];
  return Model.encode(Model.fromObject({ irVersion: 10, producerName: "turbo2k", graph, opsets })).finish();
}

/** The nodes of an .onnx file in their order, without attributes: what ONNX Runtime made of a graph (`OrtOptions.dump`). */
export function decodeNodes(model: Uint8Array): Omit<OnnxNode, "attributes">[] {
  const { graph } = Model.toObject(Model.decode(model), { arrays: true, defaults: true }) as {
    graph: { node: { opType: string; domain: string; name: string; input: string[]; output: string[] }[] };
  };
  return graph.node.map(({ opType, domain, name, input, output }) => ({
    op: opType,
    domain,
    name,
    inputs: input,
    outputs: output,
  }));
}
