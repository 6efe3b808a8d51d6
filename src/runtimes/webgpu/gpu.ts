/** A GPUDevice with what programs need of it: memory in bindable pieces, compiled pipelines, errors with names. */
import { DeviceLostError, DoesNotFitError, TurboError, UnsupportedError } from "../../base/errors.ts";
import type { WgslDevice } from "../../kernels/wgsl.ts";
import type { Format } from "./format.ts";
import { formats } from "./format.ts";
import { type GpuLimits, limitsOf, wgslDevice } from "./limits.ts";
import type { Storage } from "./shader.ts";
import type { Window } from "./windows.ts";

/** A piece of memory, in parts that can be bound. */
export interface Block {
  readonly bytes: number;
  readonly buffers: readonly GPUBuffer[];
}

export type BindingKind = "read-only-storage" | "storage" | "uniform";

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const computeStage = 0x4;
const storageUsage = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST; the constants are globals in pages only
const readUsage = 0x1 | 0x8; // MAP_READ | COPY_DST
const mapRead = 0x1;

export class Gpu {
  readonly device: GPUDevice;
  readonly limits: GpuLimits;
  readonly wgsl: WgslDevice;
  /** Bytes of the blocks that are held. */
  heldBytes = 0;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #watch: Watch;

  /** @param products as of `wgslDevice` */
  constructor(device: GPUDevice, given: Partial<GpuLimits> = {}, products: "f32" | "f16" = "f32") {
    this.device = device;
    this.limits = { ...limitsOf(device), ...given };
    this.wgsl = wgslDevice(this.limits, products);
    this.#watch = watch(device);
  }

  /** Elements of a format that one binding shows. */
  chunk(format: Format): number {
    return (this.#chunkBytes * 8) / formats[format].bits;
  }

  /** @throws DoesNotFitError where the device has no such memory left */
  async allocate(bytes: number, label: string): Promise<Block> {
    const largest =
      Math.floor(this.limits.bufferBytes / this.#chunkBytes) * this.#chunkBytes || this.limits.bufferBytes;
    const buffers: GPUBuffer[] = [];
    try {
      await this.#checked("out-of-memory", label, () => {
        for (let from = 0; from < bytes; from += largest)
          buffers.push(this.device.createBuffer({ size: Math.min(largest, bytes - from), usage: storageUsage, label }));
      });
    } catch (cause) {
      for (const buffer of buffers) buffer.destroy();
      throw cause;
    }
    this.heldBytes += bytes;
    return { bytes, buffers };
  }

  free(block: Block): void {
    this.heldBytes -= block.bytes;
    for (const buffer of block.buffers) buffer.destroy();
  }

  /** Bindings of a value that lies at the start of a block, or of a window of it. */
  bindings(
    block: Block,
    { format, size, chunk }: Pick<Storage, "format" | "size" | "chunk">,
    { first, count }: Window = { first: 0, count: Number.POSITIVE_INFINITY },
  ): GPUBufferBinding[] {
    const bytes = Math.ceil((size * formats[format].bits) / 128) * 16;
    const chunkBytes = (chunk * formats[format].bits) / 8;
    const list: GPUBufferBinding[] = [];
    for (let from = 0; from < bytes; from += chunkBytes) {
      const [buffer, offset] = this.#place(block, from);
      list.push({ buffer, offset, size: Math.min(chunkBytes, bytes - from) });
    }
    return list.slice(first, first + count);
  }

  write(block: Block, bytes: Uint8Array, at = 0): void {
    for (let from = 0; from < bytes.byteLength; ) {
      const [buffer, offset] = this.#place(block, at + from);
      const length = Math.min(buffer.size - offset, bytes.byteLength - from);
      this.device.queue.writeBuffer(buffer, offset, bytes as Uint8Array<ArrayBuffer>, from, length);
      from += length;
    }
  }

  copy(encoder: GPUCommandEncoder, from: Block, to: Block, bytes: number): void {
    for (let at = 0; at < bytes; ) {
      const [[source, start], [target, end]] = [this.#place(from, at), this.#place(to, at)];
      const length = Math.min(source.size - start, target.size - end, bytes - at);
      encoder.copyBufferToBuffer(source, start, target, end, length);
      at += length;
    }
  }

  /** Bytes of blocks on the host. What `encoder` holds is submitted first. */
  async read(encoder: GPUCommandEncoder, wanted: readonly { block: Block; bytes: number }[]): Promise<ArrayBuffer[]> {
    const staged = wanted.map(({ bytes }) => this.device.createBuffer({ size: Math.max(16, bytes), usage: readUsage }));
    for (const [i, { block, bytes }] of wanted.entries())
      this.copy(encoder, block, { bytes, buffers: [staged[i]!] }, bytes);
    this.device.queue.submit([encoder.finish()]);
    try {
      await (staged.length
        ? Promise.all(staged.map((buffer) => buffer.mapAsync(mapRead)))
        : this.device.queue.onSubmittedWorkDone());
      this.check();
      return staged.map((buffer) => buffer.getMappedRange().slice(0));
    } catch (cause) {
      this.check();
      throw cause instanceof TurboError ? cause : new DeviceLostError("the GPU did not answer", { cause });
    } finally {
      for (const buffer of staged) buffer.destroy();
    }
  }

  /** Waits until the device has done all that it was given. */
  async settle(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone().catch((cause: unknown) => {
      this.check();
      throw new DeviceLostError("the GPU did not answer", { cause });
    });
    this.check();
  }

  /** @throws what went wrong on the device since the last look */
  check(): void {
    const { lost, failure } = this.#watch;
    if (lost !== undefined) throw lostError(lost);
    this.#watch.failure = undefined;
    if (failure) throw failure;
  }

  /** A pipeline for a shader, compiled once for each text. @throws UnsupportedError that names the kernel */
  pipeline({ code, bindings }: { code: string; bindings: readonly BindingKind[] }, name: string): Promise<Pipeline> {
    const known = this.#pipelines.get(code);
    if (known) return known;
    const made = this.#compile(code, bindings, name);
    this.#pipelines.set(code, made);
    made.catch(() => this.#pipelines.delete(code));
    return made;
  }

  #layout(bindings: readonly BindingKind[]): GPUBindGroupLayout {
    const key = bindings.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entries = bindings.map((type, binding) => ({ binding, visibility: computeStage, buffer: { type } }));
      this.#layouts.set(key, (layout = this.device.createBindGroupLayout({ entries })));
    }
    return layout;
  }

  async #compile(code: string, bindings: readonly BindingKind[], name: string): Promise<Pipeline> {
    this.check();
    const layout = this.#layout(bindings);
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ code, label: name });
    const [messages, fault] = await Promise.all([module.getCompilationInfo(), this.device.popErrorScope()]);
    const errors = messages.messages.filter(({ type }) => type === "error");
    const fail = (what: string, cause?: unknown) =>
      new UnsupportedError(`the shader of ${name} does not compile: ${what}`, {
        cause,
        hint: "please report this with the output of turbo2k doctor; --device cpu works without a GPU",
      });
    if (errors.length || fault)
      throw fail(errors.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join("; ") || fault!.message);
    try {
      const pipeline = await this.device.createComputePipelineAsync({
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
        label: name,
      });
      return { pipeline, layout };
    } catch (cause) {
      this.check();
      throw fail((cause as Error).message, cause);
    }
  }

  async #checked(filter: GPUErrorFilter, what: string, make: () => void): Promise<void> {
    this.check();
    this.device.pushErrorScope(filter);
    make();
    const error = await this.device.popErrorScope().catch((cause: unknown) => {
      this.check();
      throw new DeviceLostError("the GPU did not answer", { cause });
    });
    this.check();
    if (error) throw failureOf(error, what);
  }

  get #chunkBytes(): number {
    return Math.floor(this.limits.bindingBytes / 256) * 256;
  }

  #place({ buffers }: Block, at: number): [GPUBuffer, number] {
    const each = buffers[0]!.size;
    const index = Math.floor(at / each);
    return [buffers[index]!, at - index * each];
  }
}

/** What a device said outside of calls. */
interface Watch {
  lost?: string;
  failure?: Error | undefined;
}

const watches = new WeakMap<GPUDevice, Watch>();

/** One listener a device, however many runtimes share it. */
function watch(device: GPUDevice): Watch {
  const known = watches.get(device);
  if (known) return known;
  const seen: Watch = {};
  watches.set(device, seen);
  void device.lost.then(({ reason, message }) => {
    seen.lost = `${reason}${message ? `: ${message}` : ""}`;
  });
  device.addEventListener("uncapturederror", ({ error }: GPUUncapturedErrorEvent) => {
    seen.failure ??= failureOf(error);
  });
  return seen;
}

const lostError = (reason: string): DeviceLostError =>
  new DeviceLostError(`the GPU was lost (${reason})`, {
    hint: "run it again (training goes on with --resume); --device cpu works without a GPU",
  });

function failureOf(error: GPUError, what?: string): Error {
  const text = what ? `${what}: ${error.message}` : error.message;
  if (error.constructor.name === "GPUOutOfMemoryError")
    return new DoesNotFitError(`the GPU has no memory left (${text})`, { hint: "a smaller size or fewer frames fit" });
  return new UnsupportedError(`the GPU refused a command: ${text}`);
}
