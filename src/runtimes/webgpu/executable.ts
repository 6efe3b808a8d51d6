/** A lowered program on a device: memory, bindings and dispatches, made once; a run is one list of commands. */
import type { HostTensor } from "../../tensor/dtype.ts";
import { checkInputs, weightsFor } from "../../tensor/hand-in.ts";
import type { OpAttributes } from "../../tensor/ops.ts";
import type { CompileOptions, Executable } from "../../tensor/runtime.ts";
import { bytesOf, decode, encode } from "./format.ts";
import type { Block, Gpu } from "./gpu.ts";
import { checkIndices, indexTables } from "./indices.ts";
import type { Lowered, Step } from "./lower.ts";
import { shareMemory } from "./memory.ts";
import { livesOf, updatesOf } from "./schedule.ts";
import { partWords } from "./shader.ts";
import type { WebGpuState } from "./state.ts";
import type { WeightMemory } from "./weights.ts";

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly x: number;
  readonly y: number;
  readonly flops: number;
}

export async function makeExecutable(
  gpu: Gpu,
  memory: WeightMemory,
  lowered: Lowered,
  { weights, state }: CompileOptions,
): Promise<Executable> {
  const { program, values, steps, valueAt, resultOf } = lowered;
  const { nodes } = program;
  const held = state as WebGpuState | undefined;
  const blocks: Block[] = [];
  const factors: (Block | undefined)[] = [];
  const owned: Block[] = [];
  const releases: (() => void)[] = [];
  const dispose = (): void => {
    for (const block of owned.splice(0)) gpu.free(block);
    for (const release of releases.splice(0)) release();
  };
  const own = async (bytes: number, label: string): Promise<Block> => {
    const block = await gpu.allocate(bytes, label);
    owned.push(block);
    return block;
  };

  /** Parameters and constants, which keep their values. */
  const placeFixed = async (): Promise<void> => {
    const sources = weightsFor(program, weights, new Set(held?.names));
    for (const [at, value] of valueAt) {
      const node = nodes[at]!;
      const { format } = values[value]!.storage;
      if (node.op === "constant") {
        const { bytes } = encode((node.attributes as OpAttributes["constant"]).value, format);
        gpu.write((blocks[value] = await own(bytes.byteLength, "constant")), bytes);
      } else if (node.op === "parameter") {
        const source = sources.get(node.name!);
        if (!source) {
          blocks[value] = held!.block(node.name!);
          continue;
        }
        const weight = await memory.hold(node.name!, source, format);
        releases.push(() => memory.release(source, format));
        [blocks[value], factors[value]] = [weight.block, weight.factors];
      }
    }
  };

  /** Inputs, what steps write, and results, in buffers that they share over time. */
  const placeMoving = async (): Promise<void> => {
    const lives = livesOf(lowered);
    const { buffers, bufferOf } = shareMemory(lives.map(({ first, last, bytes }) => ({ first, last, bytes })));
    const shared: Block[] = [];
    for (const bytes of buffers) shared.push(await own(bytes, "values between steps"));
    for (const [i, { value }] of lives.entries()) blocks[value] = shared[bufferOf[i]!]!;
  };

  const bind = async (step: Step): Promise<Dispatch[]> => {
    const { pipeline, layout } = await gpu.pipeline(step.shader, step.name);
    const { windows, groups } = step.shader;
    const entries = [...step.reads, step.write].flatMap((value, k) => [
      ...gpu.bindings(blocks[value]!, values[value]!.storage, windows?.[k]),
      ...(factors[value] ? [{ buffer: factors[value].buffers[0]! }] : []),
    ]);
    const chunks = [...step.reads, step.write].map((value) => values[value]!.storage.chunk);
    const list: Dispatch[] = [];
    for (const [from, count] of slices(gpu, step)) {
      const first: GPUBufferBinding[] = [];
      if (step.shader.bindings.at(-1) === "uniform") {
        const words = partWords(step.shader, [from, from + count], chunks);
        const buffer = gpu.device.createBuffer({ size: words.byteLength, usage: uniformUsage });
        gpu.device.queue.writeBuffer(buffer, 0, words);
        releases.push(() => buffer.destroy());
        first.push({ buffer });
      }
      const bindings = gpu.device.createBindGroup({
        layout,
        entries: [...entries, ...first].map((resource, binding) => ({ binding, resource })),
        label: step.name,
      });
      const x = Math.min(count, gpu.limits.groups);
      const flops = (step.flops * count) / (groups[1] - groups[0]);
      list.push({ pipeline, bindings, x, y: Math.ceil(count / x), flops });
    }
    return list;
  };

  /** State that is a result itself: its old value is set aside before updates reach it. */
  const aside = new Map<number, Block>();
  const setAside = async (): Promise<void> => {
    for (const value of resultOf.values()) {
      const { node, storage } = values[value]!;
      if (nodes[node!]!.op === "parameter" && held?.names.includes(nodes[node!]!.name!) && !aside.has(value))
        aside.set(value, await own(bytesOf("f32", storage.size), "state set aside"));
    }
  };

  let dispatches: Dispatch[][];
  try {
    await placeFixed();
    await placeMoving();
    await setAside();
    dispatches = await Promise.all(steps.map(bind));
  } catch (cause) {
    dispose();
    throw cause;
  }
  const resultBlock = (value: number): Block => aside.get(value) ?? blocks[value]!;
  const updates = updatesOf(lowered, resultBlock, held);
  updates.set(
    -1,
    [...aside].map(([value, to]) => ({ from: blocks[value]!, to, bytes: to.bytes })),
  );
  const tables = indexTables(program);
  const outputs = [...program.outputs].map(([name, at]) => ({ name, at, value: resultOf.get(at)! }));

  const bring = (inputs: Readonly<Record<string, HostTensor>>): void => {
    checkInputs(program, inputs);
    gpu.check();
    checkIndices(tables, inputs);
    for (const [name, at] of program.inputs) {
      const value = valueAt.get(at);
      if (value !== undefined && blocks[value])
        gpu.write(blocks[value], encode(inputs[name]!, values[value]!.storage.format).bytes);
    }
  };

  /** The commands of one run. Long ones are submitted on the way; the last are left to the caller. */
  const record = (): GPUCommandEncoder => {
    let encoder = gpu.device.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    let pending = 0;
    const copyAfter = (step: number): void => {
      for (const { from, to, bytes } of updates.get(step) ?? []) {
        pass?.end();
        pass = undefined;
        gpu.copy(encoder, from, to, bytes);
      }
    };
    copyAfter(-1);
    if (!dispatches.length) copyAfter(0);
    for (const [at, list] of dispatches.entries()) {
      pass ??= encoder.beginComputePass();
      for (const { pipeline, bindings, x, y, flops } of list) {
        if (pending > 0 && pending + flops > gpu.limits.flopsPerSubmit) {
          pass.end();
          gpu.device.queue.submit([encoder.finish()]);
          encoder = gpu.device.createCommandEncoder();
          pass = encoder.beginComputePass();
          pending = 0;
        }
        pending += flops;
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindings);
        pass.dispatchWorkgroups(x, y);
      }
      copyAfter(at);
    }
    pass?.end();
    return encoder;
  };

  return {
    async timeOnDevice(inputs, count) {
      bring(inputs);
      await gpu.settle();
      const start = performance.now();
      for (let i = 0; i < count; i++) gpu.device.queue.submit([record().finish()]);
      await gpu.settle();
      return (performance.now() - start) / 1000 / count;
    },
    async run(inputs) {
      bring(inputs);
      const read = await gpu.read(
        record(),
        outputs.map(({ value }) => {
          const { format, size } = values[value]!.storage;
          return { block: resultBlock(value), bytes: bytesOf(format, size) };
        }),
      );
      return Object.fromEntries(
        outputs.map(({ name, at, value }, i): [string, HostTensor] => [
          name,
          decode(read[i]!, values[value]!.storage.format, nodes[at]!),
        ]),
      );
    },
    dispose,
  };
}

const uniformUsage = 0x40 | 0x8; // UNIFORM | COPY_DST

/** Ranges of workgroups, each a dispatch that a watchdog lets pass. */
function slices(gpu: Gpu, { shader, flops }: Step): [number, number][] {
  const [first, last] = shader.groups;
  if (shader.bindings.at(-1) !== "uniform") return [[first, last - first]];
  const each = Math.max(1, Math.floor((last - first) / Math.ceil(flops / gpu.limits.flopsPerDispatch)));
  const list: [number, number][] = [];
  for (let from = first; from < last; from += each) list.push([from, Math.min(each, last - from)]);
  return list;
}
