import { gaussian } from "../../../base/philox.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { buildProgram } from "../../../tensor/program.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";

/** Size of the matrices, and how long to measure. */
const size = 768;
const seconds = 0.3;

/** Billions of floating-point operations a second of square matrix products, measured now: the best of a few. */
export async function measureRate(runtime: Runtime): Promise<number> {
  const shape = [size, size];
  const product = input("a", shape).matmul(input("b", shape));
  const executable = await runtime.compile(buildProgram({ product }));
  const feeds = {
    a: hostTensor(gaussian(size * size, 1, "a"), shape),
    b: hostTensor(gaussian(size * size, 1, "b"), shape),
  };
  try {
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + 1000 * seconds;
    do {
      const start = performance.now();
      await executable.run(feeds);
      best = Math.min(best, performance.now() - start);
    } while (performance.now() < end);
    return (2 * size ** 3) / best / 1e6;
  } finally {
    executable.dispose();
  }
}
