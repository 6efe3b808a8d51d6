/**
 * Features of clips by a fixed random 3-D net: three convolutions of 16, 32 and 64 channels with orthogonal rows, of which
 * mean and deviation are kept, 128 numbers. Not comparable with FID or FVD; averaged over several nets.
 */
import { gaussian } from "../base/philox.ts";
import { Conv3d } from "../nn/conv3d.ts";
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { mount, parametersOf } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import { type Executable, type Runtime, weightInMemory } from "../tensor/runtime.ts";
import { concat, input, type Tensor } from "../tensor/tensor.ts";
import { type Frame, framesToPlanar } from "../video/frame.ts";

class RandomNet {
  readonly layers = [
    new Conv3d(3, 16, { stride: [1, 2, 2] }),
    new Conv3d(16, 32, { stride: [2, 2, 2] }),
    new Conv3d(32, 64, { stride: [2, 2, 2] }),
  ];

  /** x [1, 3, F, H, W] in [-1, 1] to [1, 128]. */
  forward(x: Tensor): Tensor {
    for (const layer of this.layers) {
      const y = layer.forward(x, { causal: false });
      x = y.max(y.mul(0.2));
    }
    const places = x.reshape(1, 64, -1);
    const mean = places.mean(2);
    const variance = places.square().mean(2).sub(mean.square()).max(0);
    return concat([mean, variance.sqrt()], 1);
  }
}

/** Rows of random normal numbers, made orthogonal one after another (Gram and Schmidt) and scaled to keep variances. */
function orthogonal(rows: number, columns: number, seed: number, name: string): Float32Array {
  const out = Float64Array.from(gaussian(rows * columns, seed, name));
  const row = (at: number) => out.subarray(at * columns, (at + 1) * columns);
  for (let at = 0; at < rows; at++) {
    const own = row(at);
    for (let before = 0; before < at; before++) {
      const other = row(before);
      const along = own.reduce((sum, value, i) => sum + value * other[i]!, 0);
      for (let i = 0; i < columns; i++) own[i]! -= along * other[i]!;
    }
    const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < columns; i++) own[i]! /= length;
  }
  return Float32Array.from(out, (value) => value * Math.SQRT2);
}

const weightsOf = (net: RandomNet, seed: number): Map<string, HostTensor> =>
  new Map(
    [...parametersOf(net)].map(([name, { shape }]) => [
      name,
      shape.length === 1
        ? hostTensor(new Float32Array(shape[0]!), shape)
        : hostTensor(orthogonal(shape[0]!, sizeOf(shape) / shape[0]!, seed, name), shape),
    ]),
  );

/** Several nets over clips of any size; programs are kept by size. */
export class RandomFeatures {
  readonly seeds: readonly number[];
  readonly #runtime: Runtime;
  readonly #programs = new Map<string, Promise<Executable[]>>();

  constructor(runtime: Runtime, seeds: readonly number[] = [0, 1, 2, 3, 4]) {
    this.#runtime = runtime;
    this.seeds = seeds;
  }

  /** A row of 128 numbers for each net. */
  async of(frames: readonly Frame[]): Promise<Float64Array[]> {
    const { width, height } = frames[0]!;
    const shape = [1, 3, frames.length, height, width];
    const key = shape.join("x");
    let programs = this.#programs.get(key);
    if (!programs) {
      programs = this.#compile(shape);
      this.#programs.set(key, programs);
    }
    const pixels = hostTensor(framesToPlanar(frames), shape);
    const rows: Float64Array[] = [];
    for (const program of await programs)
      rows.push(Float64Array.from((await program.run({ pixels }))["features"]!.data));
    return rows;
  }

  async #compile(shape: readonly number[]): Promise<Executable[]> {
    const net = mount(new RandomNet());
    const features = net.forward(input("pixels", shape));
    const program = buildProgram({ features }, { keep: this.#runtime.keeps });
    const made: Executable[] = [];
    for (const seed of this.seeds) {
      const weights = new Map([...weightsOf(net, seed)].map(([name, value]) => [name, weightInMemory(value)]));
      made.push(await this.#runtime.compile(program, { weights }));
    }
    return made;
  }

  async dispose(): Promise<void> {
    for (const programs of this.#programs.values()) for (const program of await programs) program.dispose();
  }
}
