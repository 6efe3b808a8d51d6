import { expect, test } from "vitest";
import { Random } from "../base/philox.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { randomProgram } from "../testing/random-program.ts";
import { type HostTensor, hostTensor } from "./dtype.ts";
import { byScope, hoist, partition } from "./partition.ts";
import { buildProgram, type Program } from "./program.ts";
import { weightInMemory } from "./runtime.ts";
import { within } from "./scope.ts";
import { input, parameter, type Tensor } from "./tensor.ts";
import { verify } from "./verify.ts";

const values = (seed: number, shape: number[]) => {
  const random = new Random(seed, "values");
  return hostTensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.uniform() - 0.5),
    shape,
  );
};
const weights = new Map([["weight", weightInMemory(values(3, [8, 8]))]]);

/** Runs programs one after another, each with what the ones before it gave. */
async function runAll(programs: readonly Program[], feeds: Record<string, HostTensor>) {
  let known = feeds;
  for (const program of programs) {
    verify(program);
    const executable = await reference.compile(program, { weights });
    known = { ...known, ...(await executable.run(known)) };
  }
  return known;
}

test.each([1, 2, 3, 4, 5, 6])("parts of a random program give what the whole gives (%i)", async (seed) => {
  const whole = { ...randomProgram(seed, 40), updates: new Map() };
  const feeds = { x: values(seed, [4, 8]), y: values(seed + 1, [1, 8]) };
  const [expected, random] = [await runAll([whole], feeds), new Random(seed, "cuts")];
  let part = 0;
  const partOf = whole.nodes.map(() => (random.chance(0.2) ? ++part : part));
  const parts = partition(whole, partOf);
  expect(parts.length).toBeGreaterThan(2);
  const { once, each } = hoist(whole, new Set(["y"]));
  for (const programs of [parts, [...(once ? [once] : []), each]]) {
    const got = await runAll(programs, feeds);
    for (const name of whole.outputs.keys()) expect(got[name]).toEqual(expected[name]);
  }
});

const named = (name: string, x: Tensor) => Object.assign(x, { name });

test("what only steady inputs decide is computed apart, with its weights", () => {
  const [text, x] = [input("text", [3, 8]), input("x", [4, 8])];
  const keys = text.matmul(named("key", parameter([8, 8]))).tanh();
  const out = x.matmul(named("query", parameter([8, 8]))).matmul(keys, { transposeB: true });
  const { once, each } = hoist(buildProgram({ out }), new Set(["text"]));
  expect([...once!.parameters.keys()]).toEqual(["key"]);
  expect([...each.parameters.keys()]).toEqual(["query"]);
  expect([...each.inputs.keys()]).toEqual(["x", ...once!.outputs.keys()]);
});

test("a part a layer, the head of the program with the first, the tail with the last", () => {
  let x = input("x", [2, 8]).exp();
  for (const layer of [0, 1, 2])
    x = within(`blocks.${layer}.linear`, () => x.matmul(named(`blocks.${layer}.w`, parameter([8, 8]))));
  const parts = byScope(buildProgram({ out: x.tanh() }), (scope) => /^blocks\.\d+/.exec(scope)?.[0]);
  expect(parts.map(({ parameters }) => [...parameters.keys()])).toEqual([
    ["blocks.0.w"],
    ["blocks.1.w"],
    ["blocks.2.w"],
  ]);
  expect([...parts[2]!.outputs.keys()]).toEqual(["out"]);
});

test("a cut against the flow of values is refused", () => {
  const program = buildProgram({ out: input("x", [2]).exp().tanh() });
  expect(() => partition(program, [0, 1, 0])).toThrow("needs node 1 of part 1");
});
