/**
 * Programs on ONNX Runtime. The module (onnxruntime-node or -web) is handed in by the platform, so the same code
 * runs on a CPU in Node and on WebAssembly in a page.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import type { OrtForm } from "../../kernels/onnx.ts";
import { type DType, type HostTensor, hostTensor, sizeOf } from "../../tensor/dtype.ts";
import { checkInputs, weightsFor } from "../../tensor/hand-in.ts";
import type { Program } from "../../tensor/program.ts";
import type { CompileOptions, Executable, Runtime, State, WeightSource } from "../../tensor/runtime.ts";
import { channelBlock } from "./blocked-conv.ts";
import { lower } from "./lower.ts";
import { encodeModel, type OnnxTensor, onnxType } from "./onnx-file.ts";

/** What is used of the onnxruntime module. */
export interface OrtModule {
  InferenceSession: { create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> };
  Tensor: new (type: OrtType, data: HostTensor["data"], dims: readonly number[]) => OrtTensor;
}

type OrtType = "float32" | "int32" | "bool" | "float16";
const ortType: Record<DType, OrtType> = { f32: "float32", i32: "int32", bool: "bool", f16: "float16", bf16: "float16" };

export interface OrtOptions {
  readonly threads?: number;
  /** ONNX Runtime's own names of what computes; `cpu` by default. */
  readonly provider?: "cpu" | "webgpu";
  /**
   * Whether memory is kept from run to run (default). An arena grows by doubling and never shrinks: without it a run
   * holds what it needs and no more, and is up to 5 % slower.
   */
  readonly arena?: boolean;
  /** Writes ONNX Runtime's per-node timings as JSON to files that start with this. */
  readonly profile?: string;
  /** Keeps the graph that really runs, after ONNX Runtime's own rewrites, at this path. */
  readonly dump?: string;
}

/** Two buffers a value: a run reads one and writes the other, so a step copies nothing. */
class OrtState implements State {
  readonly tensors = new Map<string, { current: OrtTensor; next: OrtTensor | undefined; shape: readonly number[] }>();
  readonly #module: OrtModule;

  constructor(module: OrtModule, initial: ReadonlyMap<string, HostTensor>) {
    this.#module = module;
    for (const [name, value] of initial) {
      const data = value.dtype === "i32" ? new Int32Array(value.data) : new Float32Array(value.data);
      this.tensors.set(name, { current: this.#tensor(data, value.shape), next: undefined, shape: value.shape });
    }
  }

  #tensor(data: Float32Array | Int32Array, shape: readonly number[]): OrtTensor {
    return data instanceof Int32Array
      ? new this.#module.Tensor("int32", data, shape)
      : new this.#module.Tensor("float32", data, shape);
  }

  get names(): readonly string[] {
    return [...this.tensors.keys()];
  }

  /** The buffer that the next run may write. */
  target(name: string): OrtTensor {
    const held = this.tensors.get(name)!;
    const size = sizeOf(held.shape);
    held.next ??= this.#tensor(
      held.current.type === "int32" ? new Int32Array(size) : new Float32Array(size),
      held.shape,
    );
    return held.next;
  }

  swap(name: string): void {
    const held = this.tensors.get(name)!;
    [held.current, held.next] = [held.next!, held.current];
  }

  async read(name: string): Promise<HostTensor> {
    const { current, shape } = this.tensors.get(name)!;
    return hostTensor(current.data as Float32Array | Int32Array, shape);
  }

  async write(name: string, value: HostTensor): Promise<void> {
    const held = this.tensors.get(name)!;
    (held.current.data as Float32Array | Int32Array).set(value.data);
  }

  dispose(): void {
    this.tensors.clear();
  }
}

/** Bytes of a weight for the graph: a range of its file where ONNX Runtime can map it, else a copy. */
async function initializerOf(name: string, source: WeightSource, folder: string | undefined): Promise<OnnxTensor> {
  const base = { name, dims: source.shape, dataType: onnxType[source.dtype] };
  if (source.file && folder !== undefined && source.file.path.startsWith(folder)) {
    const { path, start, end } = source.file;
    return { ...base, external: { location: path.slice(folder.length), offset: start, length: end - start } };
  }
  const { data } = await source.read();
  const view = data instanceof Float64Array ? new Float32Array(data) : data;
  return { ...base, rawData: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
}

/** The longest folder that holds all files, with a slash at its end. */
function commonFolder(paths: readonly string[]): string | undefined {
  if (!paths.length) return undefined;
  let folder = paths[0]!.slice(0, paths[0]!.lastIndexOf("/") + 1);
  while (!paths.every((path) => path.startsWith(folder)))
    folder = folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1);
  return folder;
}

/** A runtime over an onnxruntime module. */
export function createOrt(module: OrtModule, options: OrtOptions = {}): Runtime {
  let block: Promise<number> | undefined;
  return {
    name: "ort",
    keeps(kernel, node) {
      const form = kernel.fast?.["ort"] as OrtForm<unknown> | undefined;
      return (
        form !== undefined && (form.supports?.(node.inputs, (node.attributes as { options: unknown }).options) ?? true)
      );
    },
    state: async (initial) => new OrtState(module, initial),
    async compile(program, compileOptions) {
      block ??= options.provider === "webgpu" ? Promise.resolve(0) : channelBlock(module);
      return compile(module, options, program, await block, compileOptions);
    },
  };
}

async function compile(
  module: OrtModule,
  options: OrtOptions,
  program: Program,
  channelBlock: number,
  { weights, state, residency = "widened" }: CompileOptions = {},
): Promise<Executable> {
  const held = state as OrtState | undefined;
  const fixed = weightsFor(program, weights, new Set(held?.names));
  const folder = commonFolder([...fixed.values()].flatMap((source) => (source.file ? [source.file.path] : [])));
  const initializers = new Map<string, OnnxTensor>();
  for (const [name, source] of fixed) initializers.set(name, await initializerOf(name, source, folder));
  const graph = lower(program, { initializer: (name) => initializers.get(name), channelBlock });

  const disabled = ["CommonSubexpressionElimination", ...(residency === "mapped" ? ["ConstantFolding"] : [])];
  const session = await module.InferenceSession.create(encodeModel(graph), {
    executionProviders: [options.provider ?? "cpu"],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    enableCpuMemArena: options.arena ?? true,
    // One block for all values of a run, from the second on: an arena would hold it besides what the first run took,
    // but without one small values would wear the heap out.
    enableMemPattern: options.arena === false,
    logSeverityLevel: 4, // errors are thrown; said twice they only confuse
    ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
    ...(options.dump ? { optimizedModelFilePath: options.dump } : {}),
    extra: {
      session: {
        set_denormal_as_zero: "1", // optimiser moments decay into denormals, which are a hundred times slower
        ...(folder ? { model_external_initializers_file_folder_path: folder } : {}),
      },
      optimization: { disable_specified_optimizers: disabled.join(";") },
    },
  });

  const stateInputs = graph.inputs.filter(({ name }) => held?.tensors.has(name)).map(({ name }) => name);
  const outputNames = [...program.outputs.keys()];
  return {
    async run(inputs, reuse = {}) {
      const feeds: Record<string, OrtTensor> = {};
      for (const name of stateInputs) feeds[name] = held!.tensors.get(name)!.current;
      checkInputs(program, inputs);
      for (const [name, at] of program.inputs) {
        const { shape, dtype } = program.nodes[at]!;
        const { data } = inputs[name]!;
        feeds[name] = new module.Tensor(
          ortType[dtype],
          data instanceof Float64Array ? new Float32Array(data) : data,
          shape,
        );
      }
      const fetches: Record<string, OrtTensor | null> = {};
      for (const name of outputNames) {
        const { shape, dtype } = program.nodes[program.outputs.get(name)!]!;
        const into = reuse[name]?.data;
        const fits = dtype === "f32" && into instanceof Float32Array && into.length === sizeOf(shape);
        fetches[`output:${name}`] = fits ? new module.Tensor("float32", into, shape) : null;
      }
      for (const name of program.updates.keys()) fetches[`update:${name}`] = held!.target(name);
      const results = await session.run(feeds, fetches);
      for (const name of program.updates.keys()) held!.swap(name);
      return Object.fromEntries(
        outputNames.map((name) => {
          const { shape, dtype } = program.nodes[program.outputs.get(name)!]!;
          return [name, { dtype, shape, data: results[`output:${name}`]!.data as Float32Array }];
        }),
      );
    },
    dispose() {
      session.release().catch(() => {});
    },
  };
}
