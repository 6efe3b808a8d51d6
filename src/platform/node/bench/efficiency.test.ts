import { expect, test } from "vitest";
import { stepFlops } from "../../../metrics/efficiency.ts";
import { planProgram } from "../../../runtimes/null/null.ts";
import { buildProgram } from "../../../tensor/program.ts";
import { findAdapter } from "../devices/webgpu.ts";
import { benchCases } from "./bench.ts";
import { type EfficiencyReport, efficiency } from "./efficiency.ts";
import { pipelineCosts, stepPrograms } from "./efficiency-pipeline.ts";
import { sequence, subjects } from "./efficiency-subjects.ts";
import { efficiencyTables } from "./efficiency-tables.ts";

const flopsOf = (name: string, shape: number[], config: Record<string, unknown>): number => {
  const { outputs } = benchCases.find((one) => one.name === name)!.trace(shape, config);
  return planProgram(buildProgram(outputs, { keep: () => true })).flops;
};

test("layers that are timed have the arithmetic of the models they stand for", () => {
  const size = [7, 10, 13] as const;
  for (const subject of subjects) {
    const { model, config, words } = subject;
    const flops = flopsOf(subject.case, [1, ...size, words], config);
    expect(flops / (stepFlops(model, sequence(subject, size)).total / model.layers)).toBeCloseTo(1, 1);
  }
});

test("programs at 2K take the published operations, and the guide next to nothing", () => {
  const short = stepPrograms(49);
  for (const ratio of [short.direct / 229.4e12, short.draft / 14.83e12]) {
    expect(ratio).toBeGreaterThan(1);
    expect(ratio).toBeLessThan(1.03); // softmax, norms and modulation are in the program
  }
  expect((short.refine - short.direct) / 1.7e12).toBeCloseTo(1, 0);
  expect(short.guide / (40 * 2 * short.refine)).toBeLessThan(0.001);
  expect(short.encodeTiles).toBeGreaterThan(0);
});

test("two stages cost a little more than direct sampling in as many steps, and less than the cascade", () => {
  const rates = { products: 1e11, decode: 1e11, encode: 1e11 };
  const costs = pipelineCosts(49, (_, flops) => flops / 1e11, rates);
  const of = (way: string) => costs.find((one) => one.way === way)!;
  expect(of("two-stage").flops / of("direct").flops).toBeGreaterThan(1.05);
  expect(of("two-stage").flops / of("direct").flops).toBeLessThan(1.09);
  expect(of("cascade").stages.map(({ name }) => name)).toEqual([
    "draft",
    "decode draft",
    "encode tiles",
    "refine",
    "decode",
  ]);
  for (const { stages, flops, seconds } of costs) {
    expect(flops).toBeCloseTo(
      stages.reduce((sum, one) => sum + one.flops, 0),
      -6,
    );
    expect(seconds / (flops / 1e11)).toBeCloseTo(1, 9);
  }
});

test("everything runs at its smallest size and comes out as tables", { timeout: 120_000 }, async () => {
  let report: EfficiencyReport | undefined;
  let results = 0;
  for await (const event of efficiency({ tiny: true, reps: 1 })) {
    if (event.type === "report") report = event.report;
    else results++;
  }
  expect(results).toBe(3 * 4 + 2);
  expect(report!.models.map(({ model }) => model)).toEqual(["CogVideoX-2B", "HunyuanVideo", "Turbo2K"]);
  expect(report!.models[2]!.steps.map(({ tokens }) => tokens)).toEqual([25_200, 57_600]);
  expect(report!.ratios).toHaveLength(6);
  expect(report!.pipelines).toHaveLength(6);
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  const text = efficiencyTables(report!);
  for (const words of ["extrapolated", "187,200", "18.6", "two-stage", "cascade"]) expect(text).toContain(words);
});

const adapter = await findAdapter().catch(() => undefined);

test.skipIf(!adapter)("a GPU computes where it is asked for, and is named", async () => {
  const events = efficiency({ tiny: true, reps: 1, device: "webgpu" });
  const { value } = await events.next();
  await events.return(undefined);
  // Timed on the device, and whole calls apart.
  expect(value).toMatchObject({ type: "result", result: { hostSeconds: { n: 1 }, variants: expect.any(Array) } });
  const asCpu = efficiency({ tiny: true, device: "webgpu", clock: "cpu" });
  await expect(asCpu.next()).rejects.toThrow("says nothing of a GPU");
});
