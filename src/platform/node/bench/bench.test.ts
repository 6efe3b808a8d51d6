import { expect, test } from "vitest";
import { InputError } from "../../../base/errors.ts";
import { planProgram } from "../../../runtimes/null/null.ts";
import { buildProgram } from "../../../tensor/program.ts";
import { findAdapter } from "../devices/webgpu.ts";
import { type BenchEvent, type BenchRequest, bench, benchCases, chosen, timing } from "./bench.ts";

async function all(request: BenchRequest, signal?: AbortSignal): Promise<BenchEvent[]> {
  const events: BenchEvent[] = [];
  for await (const event of bench(request, signal)) events.push(event);
  return events;
}

test("every case runs at its smallest size", async () => {
  const events = await all({ tiny: true, rounds: 2, reps: 2, warmup: 1 });
  expect(events.map(({ type }) => type)).toEqual([...benchCases.map(() => "result"), "report"]);
  const last = events.at(-1)!;
  if (last.type !== "report") return;
  for (const result of last.report.results) {
    expect(result.seconds.n).toBe(4);
    expect(result.seconds.median).toBeGreaterThan(0);
    expect(result.gflopsPerSecond).toBeGreaterThan(0);
  }
  expect(last.report.machine.threads).toBeGreaterThan(0);
  expect(JSON.parse(JSON.stringify(last.report))).toEqual(last.report);
});

const adapter = await findAdapter().catch(() => undefined);

test.skipIf(!adapter)("on a GPU, what goes to and from the host is timed apart", async () => {
  const request = {
    cases: ["matmul"],
    tiny: true,
    rounds: 1,
    reps: 2,
    device: "webgpu",
    onnxruntime: true,
  };
  const report = (await all(request as BenchRequest)).at(-1)!;
  if (report.type !== "report") throw new Error("no report");
  for (const { seconds, hostSeconds, onnxruntime } of report.report.results) {
    expect(seconds.n).toBe(2);
    expect(seconds.min).toBeGreaterThan(0);
    expect(hostSeconds!.n).toBe(2);
    // It runs, or says why not: not every build has the provider.
    expect(Object.keys(onnxruntime!)).toEqual([expect.stringMatching(/^(hostSeconds|failure)$/)]);
  }
});

test.skipIf(!adapter)("on a GPU, the precision and the forms of shaders are told", async () => {
  const request = { cases: ["matmul", "attention"], tiny: true, rounds: 1, reps: 1, device: "webgpu" } as const;
  const report = (await all({ ...request, precision: "f16" })).at(-1)!;
  if (report.type !== "report") throw new Error("no report");
  const [product, mixed] = report.report.results;
  expect(product).toMatchObject({ precision: "f16", variants: ["a lane an element"] });
  expect(mixed).toMatchObject({ precision: "f16", variants: [expect.stringMatching(/^streaming/)] });
});

test("training steps of the recipes are what they say", async () => {
  const cases = benchCases.filter(({ name }) => name.startsWith("train"));
  const parameters = [];
  for (const one of cases) {
    const { outputs } = one.trace(one.shape, await one.config!());
    parameters.push(planProgram(buildProgram(outputs, { keep: () => true })).parameters);
  }
  for (const count of parameters) expect(count).toBeGreaterThan(1e6);
});

test("the layer of the 2B model has the published arithmetic", () => {
  const block = benchCases.find(({ name }) => name === "block")!;
  const { outputs } = block.trace(block.shape, {});
  const [width, tokens, words] = [2048, 3570, 128];
  const published = 28 * width ** 2 * tokens + 4 * width ** 2 * words + 4 * width * tokens * (tokens + words);
  expect(planProgram(buildProgram(outputs, { keep: () => true })).flops / published).toBeCloseTo(1, 2);
});

test("a request that cannot be meant is told why", () => {
  expect(() => chosen({ cases: ["matmull"] })).toThrow(InputError);
  expect(() => chosen({ shape: [1] })).toThrow("--shape needs one case");
  expect(() => chosen({ cases: ["matmul"], shape: [1, 2] })).toThrow("matmul takes M,K,N, got 1,2");
  expect(() => chosen({ cases: ["matmul"], config: {} })).toThrow("takes no settings");
  expect(chosen({ cases: ["block", "matmul"] }).map(({ name }) => name)).toEqual(["matmul", "block"]);
});

test("a comparison with an interpreter that is not there is told why", async () => {
  const request = { cases: ["matmul"], tiny: true, rounds: 1, reps: 1, python: "/nowhere/python" };
  await expect(all(request)).rejects.toThrow(/\/nowhere\/python: PyTorch could not run matmul: .*ENOENT/);
});

test("is stopped between runs", async () => {
  await expect(all({ tiny: true }, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
});

test("medians and spreads", () => {
  expect(timing([3, 1, 2])).toMatchObject({ median: 2, min: 1, max: 3, spread: 1, n: 3 });
  expect(timing([4, 1, 2, 3]).median).toBe(2.5);
});
