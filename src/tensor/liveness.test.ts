import { describe, expect, test } from "vitest";
import { randomProgram } from "../testing/random-program.ts";
import { bytesPerElement, sizeOf } from "./dtype.ts";
import { type Buffer, planMemory } from "./liveness.ts";
import { buildProgram, type Program } from "./program.ts";
import { recompute } from "./region.ts";
import { gradients } from "./reverse.ts";
import { fill, input, parameter, type Tensor } from "./tensor.ts";
import { verify } from "./verify.ts";

const seeds = Array.from({ length: 60 }, (_, seed) => [seed, randomProgram(seed, 5 + seed)] as const);

/** Bytes of intermediate values while each step runs, by asking each whether anything still wants it. */
function bruteForce({ nodes, outputs, updates }: Program): number[] {
  const isView = (op: string) => op === "reshape" || op === "barrier";
  const base = (at: number): number => (isView(nodes[at]!.op) ? base(nodes[at]!.inputs[0]!) : at);
  const results = [...outputs.values(), ...updates.values()].map(base);
  const own = nodes.map((node, at) => ({ node, at })).filter(({ node, at }) => base(at) === at && node.inputs.length);
  return nodes.map((_, step) => {
    let total = 0;
    for (const { node, at } of own) {
      const wanted = (from: number) => nodes.some((user, u) => u >= from && user.inputs.some((i) => base(i) === at));
      const seen = nodes.some((_, v) => v >= step && base(v) === at); // a view of it is still to be made
      if (at <= step && !results.includes(at) && (at === step || wanted(step) || seen))
        total += sizeOf(node.shape) * bytesPerElement[node.dtype];
    }
    return total;
  });
}

const meet = (a: Buffer, b: Buffer) => a.first <= b.last && b.first <= a.last;
const overlap = (a: Buffer, b: Buffer) => a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

describe.each(seeds)("random program %d", (_, program) => {
  const plan = planMemory(program, { alignment: 1 });

  test("is sound", () => verify(program));

  test("no two values that are needed together share bytes", () => {
    for (const [i, a] of plan.buffers.entries())
      for (const b of plan.buffers.slice(i + 1)) if (meet(a, b)) expect(overlap(a, b)).toBe(false);
  });

  test("the worst moment is that of counting by hand, and the arena holds it", () => {
    const needed = bruteForce(program);
    expect(plan.liveBytes).toBe(Math.max(0, ...needed));
    if (plan.liveBytes) expect(needed[plan.peakNode]).toBe(plan.liveBytes);
    expect(plan.peakBytes).toBeGreaterThanOrEqual(plan.liveBytes);
    expect(plan.peakBytes).toBeLessThanOrEqual(1.5 * plan.liveBytes);
  });

  test("every operand is in its place when it is read", () => {
    for (const [at, node] of program.nodes.entries())
      for (const from of node.inputs) {
        const buffer = plan.bufferOf[from];
        if (buffer) expect(buffer.first < at && buffer.last >= at).toBe(true);
      }
    for (const at of [...program.outputs.values(), ...program.updates.values()])
      expect(plan.bufferOf[at]).toBeUndefined();
  });
});

/** The smallest arena over all orders of first-fit placement, which an optimal one is always among. */
function smallestArena(buffers: readonly Buffer[]): number {
  const place = (left: readonly Buffer[], placed: readonly Buffer[], best: number): number => {
    const end = placed.reduce((n, { offset, bytes }) => Math.max(n, offset + bytes), 0);
    if (end >= best || !left.length) return Math.min(end, best);
    let result = best;
    for (const [i, buffer] of left.entries()) {
      const ends = placed.filter((other) => meet(other, buffer)).map(({ offset, bytes }) => offset + bytes);
      const offset = [0, ...ends]
        .sort((a, b) => a - b)
        .find((start) => !placed.some((other) => meet(other, buffer) && overlap(other, { ...buffer, offset: start })))!;
      result = place(left.toSpliced(i, 1), [...placed, { ...buffer, offset }], result);
    }
    return result;
  };
  return place(buffers, [], Number.POSITIVE_INFINITY);
}

test("small arenas are close to the smallest that there are", () => {
  let [ours, smallest, trials] = [0, 0, 0];
  for (let seed = 100; seed < 160; seed++) {
    const { buffers, peakBytes } = planMemory(randomProgram(seed, 7), { alignment: 1 });
    if (buffers.length > 7) continue;
    const best = smallestArena(buffers);
    expect(peakBytes).toBeGreaterThanOrEqual(best);
    [ours, smallest, trials] = [ours + peakBytes, smallest + best, trials + 1];
  }
  expect(trials).toBeGreaterThan(20);
  expect(ours / smallest).toBeLessThan(1.05);
});

describe("a plan", () => {
  const x = input("x", [16, 16]);

  test("counts nothing for views, fills, inputs and weights", () => {
    const w = Object.assign(parameter([16, 16]), { name: "w" });
    const plan = planMemory(buildProgram({ y: x.reshape(256).reshape(4, 64), z: w.reshape(256), f: fill(1, [99]) }));
    expect(plan).toMatchObject({ peakBytes: 0, liveBytes: 0, inputBytes: 1024, parameterBytes: 1024 });
  });

  test("keeps two buffers alive along a chain, aligned, and results apart", () => {
    const chain = (n: number): Tensor => (n ? chain(n - 1).tanh() : x);
    const plan = planMemory(buildProgram({ y: chain(20) }));
    expect(plan).toMatchObject({ peakBytes: 2048, resultBytes: 1024 });
    const odd = input("odd", [3]).tanh().exp();
    expect(planMemory(buildProgram({ y: odd.sin() })).buffers.map(({ offset }) => offset)).toEqual([0, 256]);
  });

  test("a recomputed block keeps its input alone for the backward pass", () => {
    const layers = 12;
    const weights = Array.from({ length: layers }, (_, i) => Object.assign(parameter([16, 16]), { name: `w${i}` }));
    const peak = (around: (block: () => Tensor) => Tensor) => {
      let h = x;
      for (const w of weights)
        h = around(() => {
          const a = h.matmul(w).tanh();
          return h.add(a.mul(a.exp()).sin().tanh());
        });
      const grads = gradients(h.square().sum(), weights);
      const program = buildProgram(Object.fromEntries(grads.map((g, i) => [`g${i}`, g])));
      verify(program);
      return planMemory(program).peakBytes;
    };
    const [kept, again] = [peak((block) => block()), peak(recompute)];
    expect(kept).toBeGreaterThan(layers * 4 * 1024);
    expect(again).toBeLessThan((layers + 12) * 1024);
  });
});
