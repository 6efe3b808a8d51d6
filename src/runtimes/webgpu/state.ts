/** Parameters and moments that stay in device memory between runs. */
import { InputError } from "../../base/errors.ts";
import { formatShape, type HostTensor, type Shape, sizeOf } from "../../tensor/dtype.ts";
import type { State } from "../../tensor/runtime.ts";
import { bytesOf, decode, encode } from "./format.ts";
import type { Block, Gpu } from "./gpu.ts";

interface Held {
  readonly block: Block;
  readonly shape: Shape;
  readonly format: "f32" | "i32";
}

export class WebGpuState implements State {
  readonly #gpu: Gpu;
  readonly #held = new Map<string, Held>();

  private constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  static async create(gpu: Gpu, initial: ReadonlyMap<string, HostTensor>): Promise<WebGpuState> {
    const state = new WebGpuState(gpu);
    try {
      for (const [name, value] of initial) {
        const format = value.dtype === "i32" ? "i32" : "f32";
        const block = await gpu.allocate(bytesOf(format, sizeOf(value.shape)), name);
        state.#held.set(name, { block, shape: value.shape, format });
        await state.write(name, value);
      }
    } catch (cause) {
      state.dispose();
      throw cause;
    }
    return state;
  }

  get names(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** @throws InputError for a name that is not held */
  block(name: string): Block {
    return this.#find(name).block;
  }

  async read(name: string): Promise<HostTensor> {
    const { block, shape, format } = this.#find(name);
    const wanted = [{ block, bytes: bytesOf(format, sizeOf(shape)) }];
    const [bytes] = await this.#gpu.read(this.#gpu.device.createCommandEncoder(), wanted);
    return decode(bytes!, format, { dtype: format, shape });
  }

  async write(name: string, value: HostTensor): Promise<void> {
    const { block, shape, format } = this.#find(name);
    if (formatShape(shape) !== formatShape(value.shape))
      throw new InputError(`${name} holds ${formatShape(shape)}, got ${formatShape(value.shape)}`);
    this.#gpu.write(block, encode(value, format).bytes);
  }

  dispose(): void {
    for (const { block } of this.#held.values()) this.#gpu.free(block);
    this.#held.clear();
  }

  #find(name: string): Held {
    const held = this.#held.get(name);
    if (!held) throw new InputError(`no value named ${name} is held`);
    return held;
  }
}
