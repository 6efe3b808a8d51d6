/** Collects the nodes and constants of one ONNX graph. */
import { UnsupportedError } from "../../base/errors.ts";
import type { OnnxAttribute, OnnxEmitter } from "../../kernels/onnx.ts";
import type { DType, HostTensor } from "../../tensor/dtype.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import type { Node } from "../../tensor/program.ts";
import { INT64, type OnnxNode, type OnnxTensor, onnxType } from "./onnx-file.ts";

export interface LoweredOperand {
  readonly name: string;
  readonly node: Node;
  /** Of a weight that is stored narrower than it is used: the name of what is stored. */
  readonly stored?: string | undefined;
}

export class Emitter implements OnnxEmitter {
  readonly nodeList: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  /** Channels in a block of ONNX Runtime's blocked layout; 0 where it has none (`blocked-conv.ts`). */
  readonly channelBlock: number;
  scope = "";
  #count = 0;

  constructor(channelBlock = 0) {
    this.channelBlock = channelBlock;
  }

  nodes(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Record<string, OnnxAttribute> = {},
    domain = "",
  ): string[] {
    const id = this.#count++;
    const names = Array.from({ length: outputs }, (_, i) => `v${id}${i ? `.${i}` : ""}`);
    this.nodeList.push({ op, domain, inputs, outputs: names, attributes, name: `${this.scope}/${op}.${id}` });
    return names;
  }

  node(op: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}, domain = ""): string {
    return this.nodes(op, inputs, 1, attributes, domain)[0]!;
  }

  constant(key: string, dataType: number, dims: readonly number[], make: () => ArrayBufferView): string {
    if (!this.initializers.has(key)) {
      const view = make();
      const rawData = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      this.initializers.set(key, { name: key, dims, dataType, rawData });
    }
    return key;
  }

  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant(`i64:${values.join()}:${shape.join()}`, INT64, shape, () =>
      BigInt64Array.from(values, BigInt),
    );
  }

  scalar(value: number, dtype: DType = "f32"): string {
    return this.constant(`${dtype}:${Object.is(value, -0) ? "-0" : value}`, onnxType[dtype], [], () =>
      scalarData(value, dtype),
    );
  }

  floats(values: Float32Array, shape: readonly number[]): string {
    return this.constant(`floats:${this.#count++}`, onnxType.f32, shape, () => values);
  }

  host(value: HostTensor): string {
    const data = value.data instanceof Float64Array ? new Float32Array(value.data) : value.data;
    return this.constant(`constant:${this.#count++}`, onnxType[value.dtype], value.shape, () => data);
  }
}

function scalarData(value: number, dtype: DType): ArrayBufferView {
  if (dtype === "f32") return Float32Array.of(value);
  if (dtype === "i32") return Int32Array.of(value);
  if (dtype === "bool") return Uint8Array.of(value);
  throw new UnsupportedError(`no ${dtype} scalars on ort; compute in f32`);
}

/** The value's name; fills are only written out where a scalar cannot stand for them. */
export function operand(emit: Emitter, { name, node }: LoweredOperand, scalar: boolean): string {
  if (node.op !== "fill") return name;
  const { value, shape, dtype } = node.attributes as OpAttributes["fill"];
  if (scalar || shape.length === 0) return emit.scalar(value, dtype);
  return emit.node("Expand", [emit.scalar(value, dtype), emit.integers(shape)]);
}
