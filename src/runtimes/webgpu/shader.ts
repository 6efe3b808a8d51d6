/** Writes the compute shader of one group: bindings, operands as functions, what is fused behind the core, `main`. */
import type { Span, WgslKernel } from "../../kernels/wgsl.ts";
import { type DType, sizeOf } from "../../tensor/dtype.ts";
import type { OpAttributes, OpName } from "../../tensor/ops.ts";
import type { Node, Program } from "../../tensor/program.ts";
import { Code, Place } from "./code.ts";
import { broadcastPlace, helpers, type PointwiseOp, pointwise } from "./expression.ts";
import { type Format, formats, stored, wgslType, wordFunctions } from "./format.ts";
import { isLiteral, isView } from "./fuse.ts";
import type { BindingKind } from "./gpu.ts";
import type { Part, Window } from "./windows.ts";

/** Where a value lies: its format, and how many of its elements one binding shows. */
export interface Storage {
  readonly format: Format;
  readonly size: number;
  readonly chunk: number;
  /** Rows with a factor each, for `i8x4`. */
  readonly rows?: number;
}

export const chunksOf = ({ size, chunk }: Storage): number => Math.ceil(size / chunk);
/** Bindings of a value that is read: its chunks, and its factors. */
export const bindingsOf = (storage: Storage): number => chunksOf(storage) + (storage.rows ? 1 : 0);

/** How a shader gets at a node: stored values are leaves, others are computed where they are used. */
export interface Surroundings {
  readonly program: Program;
  readonly storageOf: (node: number) => Storage;
  readonly isLeaf: (node: number) => boolean;
  /** Whether WGSL unpacks four bytes of a word (`WgslDevice`). */
  readonly packedDot: boolean;
  /** Where the shader computes a part of its result: what it sees. */
  readonly part?: Part | undefined;
}

export interface Shader {
  readonly code: string;
  readonly bindings: readonly BindingKind[];
  readonly variant: string;
  /** Workgroups of this shader's part of the work. */
  readonly groups: Span;
  /** Stored values in the order of their bindings; the result's bindings follow. */
  readonly reads: readonly number[];
  /** What is bound of each of them and of the result, where that is not all. */
  readonly windows: readonly Window[] | undefined;
}

/** Words of a part's uniform before the starts of its windows: its first workgroup and the one behind its last. */
const startsAt = 2;

/** The uniform of a shader's part, or of a slice of it. */
export function partWords(
  { windows = [] }: Shader,
  [first, last]: Span,
  chunks: readonly number[],
): Uint32Array<ArrayBuffer> {
  const words = [first, last, ...windows.map((window, k) => window.first * chunks[k]!)];
  return Uint32Array.from({ length: Math.ceil(words.length / 4) * 4 }, (_, i) => words[i] ?? 0);
}

/** Node number that stands for a scratch value of the group. */
export const scratch = -1;

export class ShaderWriter {
  readonly #around: Surroundings;
  readonly #nodes: readonly Node[];
  readonly #reads: number[] = [];
  readonly #functions: string[] = [];
  readonly #write: ReturnType<typeof pointwise>;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#nodes = around.program.nodes;
    this.#write = pointwise((node) => node.inputs.map((i) => this.#nodes[i]!));
  }

  /** Defines `load{index}` and `load{index}x4` for a node as an operand. */
  operand(index: number, at: number): void {
    const { shape, dtype } = this.#nodes[at]!;
    const code = new Code();
    const value = this.#value(at, Place.flat(shape, "i"), code);
    this.#define(`fn load${index}(i: u32) -> ${wgslType(dtype)}`, code, `return ${value};`);
    const run = this.#runOf(at);
    const four = run && run.first % 4 === 0 && this.#fourOf(run.leaf, run.first);
    const elements = [0, 1, 2, 3].map((j) => `load${index}(i + ${j}u)`).join(", ");
    this.#functions.push(
      `fn load${index}x4(i: u32) -> vec4<${wgslType(dtype)}> { return ${four || `vec4(${elements})`}; }`,
    );
  }

  /** Defines `load0` for the group's scratch values. */
  scratchOperand(storage: Storage): void {
    this.#functions.push(`fn load0(i: u32) -> f32 { return ${this.#leaf(scratch, storage)}(i); }`);
  }

  /** Defines `store(i, value)` for a result without anything behind it. */
  plainStore(): void {
    this.#functions.push("fn store(i: u32, value: f32) { write(i, value); }");
  }

  /** Defines `store(i, value)`, with `value` the core's element i, or `store(i)` where there is no core. */
  store(root: number, core: number | undefined): void {
    const code = new Code();
    const node = this.#nodes[root]!;
    const value =
      root === core ? "value" : this.#value(root, Place.flat(node.shape, "i"), code, { core, isRoot: true });
    const given = core === undefined ? "" : `, value: ${wgslType(this.#nodes[core]!.dtype)}`;
    this.#define(`fn store(i: u32${given})`, code, `write(i, ${value});`);
  }

  /** The whole shader around a kernel. */
  finish(kernel: WgslKernel, root: number, result: Storage, dtype: DType, { sliced = false } = {}): Shader {
    const bindings: string[] = [];
    const kinds: BindingKind[] = [];
    const bind = (name: string, mode: "read" | "read_write", item: string) => {
      bindings.push(`@group(0) @binding(${bindings.length}) var<storage, ${mode}> ${name}: array<${item}>;`);
      kinds.push(mode === "read" ? "read-only-storage" : "storage");
    };
    for (const [k, at] of this.#reads.entries()) {
      const storage = at === scratch ? this.#scratch! : this.#around.storageOf(at);
      for (let c = 0; c < this.#shown(at, storage); c++) bind(`in${k}_${c}`, "read", formats[storage.format].item);
      if (storage.rows) bind(`in${k}_rows`, "read", "f32");
    }
    const type = result.format === "u32" ? "u32" : result.format;
    const shown = this.#shown(root, result);
    for (let c = 0; c < shown; c++) bind(`out_${c}`, "read_write", type);
    const { part } = this.#around;
    const isPart = sliced || part !== undefined;
    if (isPart) {
      const words = startsAt + (part ? this.#reads.length + 1 : 0);
      bindings.push(
        `@group(0) @binding(${bindings.length}) var<uniform> part: array<vec4<u32>, ${Math.ceil(words / 4)}>;`,
      );
      kinds.push("uniform");
    }
    const { index, before } = this.#within(this.#reads.length);
    const writes = Array.from({ length: shown }, (_, c) => {
      const at = c ? `${index} - ${c * result.chunk}u` : index;
      const guard = c + 1 < shown ? `if (${index} < ${(c + 1) * result.chunk}u) ` : "";
      return `${guard}{ out_${c}[${at}] = ${stored(result.format, "value")}; }`;
    });
    const write = `fn write(i: u32, value: ${wgslType(dtype)}) { ${before}${writes.join(" else ")} }`;
    const body = [...this.#functions, kernel.code].join("\n");
    const enable = new Set(kernel.enable);
    if (/\bf16\b/.test(`${bindings.join()}${write}${body}`)) enable.add("f16");
    const all = { ...wordFunctions(this.#around.packedDot), ...helpers };
    const used = Object.entries(all).filter(([name]) => body.includes(`${name}(`));
    const code = [
      ...[...enable].map((name) => `enable ${name};`),
      ...(kernel.diagnostics ?? []).map((name) => `diagnostic(off, ${name});`),
      ...bindings,
      ...used.map(([, text]) => text),
      write,
      body,
      `@compute @workgroup_size(${kernel.lanes})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = ${isPart ? "part[0].x + " : ""}id.x + id.y * count.x;
  if (group < ${isPart ? "part[0].y" : `${kernel.groups}u`}) { work(group, lane); }
}`,
    ].join("\n");
    const windows = part && [...this.#reads, root].map((at) => part.windows.get(at)!);
    const groups = part?.groups ?? [0, kernel.groups];
    return { code, bindings: kinds, variant: kernel.variant, groups, reads: this.#reads, windows };
  }

  /** Bindings that show a value. */
  #shown(at: number, storage: Storage): number {
    return this.#around.part?.windows.get(at)?.count ?? chunksOf(storage);
  }

  /** Where element i of a value lies in its window; windows are counted in the order of their bindings. */
  #within(window: number): { index: string; before: string } {
    if (!this.#around.part) return { index: "i", before: "" };
    return { index: "own", before: `let own = i - ${this.#startOf(window)}; ` };
  }

  /** The first element that a window shows. */
  #startOf(window: number): string {
    const word = startsAt + window;
    return `part[${Math.floor(word / 4)}][${word % 4}]`;
  }

  #scratch: Storage | undefined;

  #define(head: string, code: Code, last: string): void {
    this.#functions.push(`${head} {\n  ${[code.text, last].filter(Boolean).join("\n  ")}\n}`);
  }

  /** The name of the function that reads a stored value. */
  #leaf(at: number, storage = this.#around.storageOf(at)): string {
    const known = this.#reads.indexOf(at);
    if (known >= 0) return `raw${known}`;
    const k = this.#reads.push(at) - 1;
    if (at === scratch) this.#scratch = storage;
    const { read } = formats[storage.format];
    const type = storage.format === "i32" ? "i32" : storage.format === "u32" ? "bool" : "f32";
    const factor = storage.rows ? ` * in${k}_rows[i / ${storage.size / storage.rows}u]` : "";
    const shown = this.#shown(at, storage);
    const { index, before } = this.#within(k);
    const parts = Array.from({ length: shown }, (_, c) => {
      const element = read(`in${k}_${c}`, c ? `(${index} - ${c * storage.chunk}u)` : index);
      const guard = c + 1 < shown ? `if (${index} < ${(c + 1) * storage.chunk}u) ` : "";
      return `${guard}{ return ${element}${factor}; }`;
    });
    const body = parts.length === 1 ? parts[0]!.slice(1, -1) : parts.join(" else ");
    this.#functions.push(`fn raw${k}(i: u32) -> ${type} { ${before}${body} }`);
    return `raw${k}`;
  }

  /**
   * The stored value in which all elements of a node lie side by side in their order, and the place of the first: through
   * reshapes, barriers, and slices of the outermost axis.
   */
  #runOf(at: number): { readonly leaf: number; readonly first: number } | undefined {
    if (this.#around.isLeaf(at)) return { leaf: at, first: 0 };
    const { op, inputs, attributes, shape } = this.#nodes[at]!;
    if (op !== "reshape" && op !== "barrier" && op !== "slice") return undefined;
    const run = this.#runOf(inputs[0]!);
    if (op !== "slice" || !run) return run;
    const { start, step } = attributes as OpAttributes["slice"];
    const whole = this.#nodes[inputs[0]!]!.shape;
    if (step.some((n) => n !== 1) || whole.some((n, axis) => axis > 0 && n !== shape[axis])) return undefined;
    return { ...run, first: run.first + start[0]! * sizeOf(whole.slice(1)) };
  }

  /** Four elements of a stored value, `first` elements behind its own, read at once where it lies in one binding. */
  #fourOf(at: number, first: number): string | undefined {
    const storage = this.#around.storageOf(at);
    if (this.#shown(at, storage) > 1) return undefined;
    const width = storage.rows ? storage.size / storage.rows : 4;
    if (width % 4 || (storage.rows && first)) return undefined;
    const k = Number(this.#leaf(at, storage).slice(3));
    const factor = storage.rows ? ` * in${k}_rows[i / ${width}u]` : "";
    const item = this.#around.part
      ? `(i${first ? ` + ${first}u` : ""} - ${this.#startOf(k)}) / 4u`
      : first
        ? `(i / 4u + ${first / 4}u)`
        : "i / 4u";
    return `${formats[storage.format].read4(`in${k}_0`, item)}${factor}`;
  }

  /** The element of a node at a place. */
  #value(at: number, place: Place, code: Code, behind: { core?: number | undefined; isRoot?: boolean } = {}): string {
    const node = this.#nodes[at]!;
    if (at === behind.core) return "value";
    if (this.#around.isLeaf(at) && !behind.isRoot) return code.let(`${this.#leaf(at)}(${place.flat(code)})`);
    const write = this.#write[node.op as PointwiseOp] as (
      code: Code,
      read: (operand: number, place: Place, code: Code) => string,
      place: Place,
      node: Node,
      attributes: unknown,
    ) => string;
    const elementwise = !isView(node) && !isLiteral(node) && !moved.has(node.op);
    const read = (operand: number, where: Place, own: Code): string => {
      const from = node.inputs[operand]!;
      const source = elementwise ? broadcastPlace(own, this.#nodes[from]!.shape, where) : where;
      return this.#value(from, source, own, { core: behind.core });
    };
    return code.once(`${at}:${place.key}`, () => code.let(write(code, read, place, node, node.attributes)));
  }
}

/** Operations that read their operands elsewhere than at their own place. */
const moved: ReadonlySet<OpName> = new Set(["concat", "pad", "gather"]);
