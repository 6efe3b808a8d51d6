/** What `probe` is given and what a module makes of it. */
import { InputError } from "../../../base/errors.ts";
import type { HostTensor } from "../../../tensor/dtype.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import { readFloat32, readTensor, type TensorEntry } from "../../../weights/safetensors.ts";

/** Graph and feeds of one module call. */
export interface Call {
  readonly model: object;
  /** By the names of the published module's results. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly feeds: Record<string, HostTensor>;
  readonly rename: (path: string) => string;
  /** A name of the file as the module itself calls it. */
  readonly bare?: (name: string) => string;
  readonly ignore: (name: string) => boolean;
  readonly prefix: string;
}

export type MakeCall = (
  config: Record<string, unknown>,
  args: Arguments,
  checkpoint: Checkpoint,
) => Call | Promise<Call>;

/** The given tensors and arguments, with errors that name what is missing. */
export class Arguments {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;

  private constructor(tensors: Map<string, HostTensor>, metadata: Readonly<Record<string, string>>) {
    this.tensors = tensors;
    this.metadata = metadata;
  }

  static async read(file: Checkpoint): Promise<Arguments> {
    const tensors = new Map<string, HostTensor>();
    for (const [name, entry] of file.tensors) tensors.set(name, await hosted(entry));
    return new Arguments(tensors, file.metadata);
  }

  get(name: string): HostTensor {
    const value = this.tensors.get(name);
    if (!value)
      throw new InputError(`the inputs lack ${name}`, { hint: `they hold ${[...this.tensors.keys()].join(", ")}` });
    return value;
  }

  optional(name: string): HostTensor | undefined {
    return this.tensors.get(name);
  }

  /** A number or list stored as JSON in the file's metadata. */
  json<T>(name: string): T | undefined {
    const text = this.metadata[name];
    if (text === undefined || text === "null") return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new InputError(`metadata ${name} is not JSON: ${text}`, { cause });
    }
  }
}

/** Integers become i32, floats f32; whole arrays are read because probe inputs are small. */
async function hosted(entry: TensorEntry): Promise<HostTensor> {
  if (/^(F|BF)/.test(entry.dtype)) return { dtype: "f32", shape: entry.shape, data: await readFloat32(entry) };
  return { dtype: "i32", shape: entry.shape, data: Int32Array.from(await readTensor(entry), Number) };
}

export const floats = (value: HostTensor): HostTensor => ({
  dtype: "f32",
  shape: value.shape,
  data: Float32Array.from(value.data),
});
