import { gaussian } from "../../../base/philox.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { buildProgram } from "../../../tensor/program.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { input } from "../../../tensor/tensor.ts";

/** Size of the matrices, and how long to measure. */
const size = 768;
const seconds = 0.3;

/** Billions of floating-point operations a second of square matrix products, as the machine is now: the median of a few. */
export async function measureRate(runtime: Runtime): Promise<number> {
  const shape = [size, size];
  const product = input("a", shape).matmul(input("b", shape));
  const executable = await runtime.compile(buildProgram({ product }));
  const feeds = {
    a: hostTensor(gaussian(size * size, 1, "a"), shape),
    b: hostTensor(gaussian(size * size, 1, "b"), shape),
  };
  try {
    await executable.run(feeds); // the first run makes its buffers
    const times: number[] = [];
    const end = performance.now() + 1000 * seconds;
    do {
      const start = performance.now();
      await executable.run(feeds);
      times.push(performance.now() - start);
    } while (performance.now() < end);
    times.sort((a, b) => a - b);
    return (2 * size ** 3) / times[times.length >> 1]! / 1e6;
  } finally {
    executable.dispose();
  }
}
