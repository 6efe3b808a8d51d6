import { describe, expect, test, vi } from "vitest";
import { DoesNotFitError } from "../../base/errors.ts";
import { gaussian } from "../../base/philox.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import type { WeightSource } from "../../tensor/runtime.ts";
import { webGpuForTests } from "../../testing/webgpu.ts";
import { f32ToBf16 } from "../../weights/half.ts";
import { bytesOf, encode, type Format } from "./format.ts";
import { type Block, Gpu } from "./gpu.ts";
import type { GpuLimits } from "./limits.ts";
import { WebGpuState } from "./state.ts";
import { WeightMemory } from "./weights.ts";

/** Buffers of 2 KiB, so that pieces end within them and elsewhere than they do. */
const [narrow] = await webGpuForTests({ limits: { bindingBytes: 1024, bufferBytes: 2048 } });

const [rows, width] = [700, 12];
const wide = hostTensor(gaussian(rows * width, 4, "w"), [rows, width]);
const half: HostTensor = { dtype: "bf16", shape: wide.shape, data: f32ToBf16(wide.data as Float32Array) };

/** A source that answers ranges, and tells which. */
function counted(value: HostTensor): { source: WeightSource; ranges: [number, number][] } {
  const ranges: [number, number][] = [];
  const readRange = async (from: number, to: number) => {
    ranges.push([from, to]);
    return value.data.slice(from, to) as HostTensor["data"];
  };
  return { source: { dtype: value.dtype, shape: value.shape, read: async () => value, readRange }, ranges };
}

const bytesIn = async ({ gpu }: NonNullable<typeof narrow>, block: Block, bytes: number): Promise<Uint8Array> =>
  new Uint8Array((await gpu.read(gpu.device.createCommandEncoder(), [{ block, bytes }]))[0]!);

test.skipIf(!narrow).each<[Format, HostTensor, number]>([
  ["f32", wide, 2048],
  ["f16x2", wide, 2048],
  ["bf16x2", half, 2048],
  ["f32", half, 2048],
  ["i8x4", wide, 3072],
])("%s comes in pieces to the same bytes", async (format, value, each) => {
  const { gpu } = narrow!;
  const before = gpu.heldBytes;
  const memory = new WeightMemory(gpu, 2048);
  const { source, ranges } = counted(value);
  const { block, factors } = await memory.hold("w", source, format);
  const whole = encode(value, format);
  const size = rows * width;
  expect(await bytesIn(narrow!, block, bytesOf(format, size))).toEqual(whole.bytes);
  if (whole.factors)
    expect((await bytesIn(narrow!, factors!, 4 * rows)).slice(0, 4 * rows)).toEqual(
      new Uint8Array(whole.factors.buffer),
    );
  const starts = Array.from({ length: Math.ceil(size / each) }, (_, i) => i * each);
  expect(ranges).toEqual(starts.map((from) => [from, Math.min(size, from + each)]));
  memory.release(source, format);
  await new Promise(setImmediate);
  expect(gpu.heldBytes).toBe(before);
});

test.skipIf(!narrow)("a file that breaks off leaves nothing behind", async () => {
  const { gpu } = narrow!;
  const before = gpu.heldBytes;
  const { source } = counted(wide);
  const readRange = async (from: number, to: number) => {
    if (from > 0) throw new Error("truncated");
    return source.readRange!(from, to);
  };
  await expect(new WeightMemory(gpu, 2048).hold("w", { ...source, readRange }, "f32")).rejects.toThrow("truncated");
  expect(gpu.heldBytes).toBe(before);
});

/** Its name is what the runtime looks at: the global is there in pages only. */
class GPUOutOfMemoryError extends Error {}

describe.skipIf(!narrow)("a device that has no memory left for the last of several", () => {
  /** Over a device that says so from its second buffer on, with its buffers. */
  function poor(limits: Partial<GpuLimits>) {
    const { device } = narrow!.gpu;
    const buffers: GPUBuffer[] = [];
    const scarce = new Proxy(device, {
      get(target, name) {
        if (name === "createBuffer")
          return (wanted: GPUBufferDescriptor) => {
            const buffer = target.createBuffer(wanted);
            vi.spyOn(buffer, "destroy");
            buffers.push(buffer);
            return buffer;
          };
        if (name === "popErrorScope")
          return async () => {
            await target.popErrorScope();
            return buffers.length > 1 ? new GPUOutOfMemoryError("no more") : null;
          };
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const destroyed = () => buffers.filter((buffer) => vi.mocked(buffer.destroy).mock.calls.length > 0).length;
    return { gpu: new Gpu(scarce, limits), buffers, destroyed };
  }
  test.each<[string, Partial<GpuLimits>, (gpu: Gpu) => Promise<unknown>]>([
    ["buffers of a block", { bindingBytes: 1024, bufferBytes: 2048 }, (gpu) => gpu.allocate(4096, "block")],
    ["blocks of a weight", {}, (gpu) => new WeightMemory(gpu).hold("w", counted(wide).source, "i8x4")],
    [
      "values of a state",
      {},
      (gpu) =>
        WebGpuState.create(
          gpu,
          new Map([
            ["a", wide],
            ["b", wide],
          ]),
        ),
    ],
  ])("%s: those before it are given back", async (_, limits, take) => {
    const { gpu, buffers, destroyed } = poor(limits);
    await expect(take(gpu)).rejects.toThrow(DoesNotFitError);
    expect(buffers.length).toBe(2);
    expect(destroyed()).toBe(2);
    expect(gpu.heldBytes).toBe(0);
  });
});

test("narrowing rounds ties to even, among subnormals too, and keeps NaNs", () => {
  const bitsOf = (values: number[], format: Format) =>
    Array.from(new Uint16Array(encode(hostTensor(values, [values.length]), format).bytes.buffer, 0, values.length));
  expect(bitsOf([2.5 * 2 ** -24, 3.5 * 2 ** -24, 1], "f16x2")).toEqual([2, 4, 0x3c00]);
  expect(bitsOf([1 + 2 ** -8, 1 + 3 * 2 ** -8], "bf16x2")).toEqual([0x3f80, 0x3f82]);
  const data = new Float32Array(Uint32Array.of(0x7fffffff).buffer);
  const bits = new Uint16Array(encode(hostTensor(data, [1]), "bf16x2").bytes.buffer)[0]!;
  expect(bits & 0x7fff).toBeGreaterThan(0x7f80);
});
