/** Random programs for property tests of passes and plans: values of several sizes, views, long and short lives. */
import { Random } from "../base/philox.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import { concat, input, parameter, type Tensor } from "../tensor/tensor.ts";

const grow = (x: Tensor): Tensor => concat([x, x.neg()], 0);
const shrink = (x: Tensor): Tensor => (x.shape[0]! > 1 ? x.slice(0, 0, Math.ceil(x.shape[0]! / 2)) : x.exp());

/** About `steps` operations on rows of 8 values. */
export function randomProgram(seed: number, steps: number): Program {
  const random = new Random(seed, "program");
  const weight = Object.assign(parameter([8, 8]), { name: "weight" });
  const pool: Tensor[] = [input("x", [4, 8]), input("y", [1, 8]), weight];
  for (let step = 0; step < steps; step++) {
    // Mostly recent values, sometimes an old one that has to be kept for it.
    const x = random.chance(0.7) ? pool.at(-1 - random.below(Math.min(3, pool.length)))! : random.pick(pool);
    const same = pool.filter((y) => y.rank === x.rank && y.shape[0] === x.shape[0]);
    const made = [
      () => x.tanh(),
      () => x.add(random.pick(same)),
      () => x.mul(random.pick(same)),
      () => x.matmul(weight),
      () => (x.shape[0]! < 64 ? grow(x) : shrink(x)),
      () => shrink(x),
      () =>
        x
          .reshape(-1)
          .reshape(-1, 2)
          .exp()
          .reshape(...x.shape),
      () => x.barrier(random.pick(pool)),
      () => x.reshape(-1, 4, 2).permute(1, 0, 2).reshape(-1, 8),
    ];
    pool.push(random.pick(made)());
  }
  const outputs = { last: pool.at(-1)!, some: random.pick(pool), other: random.pick(pool) };
  const square = pool.filter((x) => x !== weight && x.op !== "input" && x.shape[0] === 8);
  const update = square.length ? new Map([[weight, random.pick(square)]]) : new Map();
  return buildProgram(outputs, { updates: update });
}
