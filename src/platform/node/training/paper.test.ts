/** The recipes at the paper's sizes: planned as they are, run with few and narrow layers. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { hunyuanVideo } from "../../../models/hunyuan/config.ts";
import { pcaCodec } from "../../../pipelines/codec.ts";
import type { Kernel } from "../../../tensor/kernel.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { planTraining } from "../../../training/plan.ts";
import { narrow, narrowVae } from "../bench/model-cases.ts";
import { openOrt } from "../devices/ort.ts";
import { packageRoot } from "../generate/package-root.ts";
import { ltx2bOf } from "../rehearsal/write-checkpoint.ts";
import { inFolder } from "../video/testing.ts";
import { planRecipe } from "./plan-recipe.ts";
import { type Rehearsed, rehearse } from "./rehearse.ts";
import { train } from "./run.ts";

const recipe = (name: string) => join(packageRoot, "recipes", `${name}.yaml`);
const machine = { keeps: () => true, gflops: 100, baseBytes: 0 };

async function plan(path: string, keeps: Runtime["keeps"] = machine.keeps) {
  const notes: string[] = [];
  const planned = await planRecipe(path, { keeps, note: (text) => void notes.push(text) });
  return { ...planTraining(planned, { ...machine, keeps }), notes };
}

test("distillation at 960x544 is planned for the published models", { timeout: 180_000 }, async () => {
  const { notes, trained, phases, stateBytes } = await plan(recipe("paper/ltx-distill"));
  expect(notes.join()).toContain("planned for LTX-Video 2B");
  expect(notes.join()).toContain("planned for HunyuanVideo");
  expect(trained / 1.98e9).toBeCloseTo(1, 2); // the student and its projector
  expect(stateBytes).toBeGreaterThan(4 * 4 * trained);
  const of = (name: string) => phases.find((one) => one.name === name)!;
  const teacher = of("teacher's features 960x544x49");
  expect(teacher.flops / teacher.runs / 892e12).toBeCloseTo(1, 1);
  expect(of("step 960x544x49 1").runs / of("step 960x544x1 1").runs).toBeCloseTo(2, 1);
  // In 4 windows of time, 12 tiles each: no more memory and work at a time than 17 frames of 256x256 take, 2.3 GB and 10.4 TFLOP.
  const latents = of("teacher's latents 960x544x49");
  expect(latents.runs).toBe(48 * of("latents 960x544x49").runs);
  expect(latents.flops / latents.runs).toBeLessThan(10.5e12);
  expect(latents.peakBytes).toBeLessThan(3.2e9);
});

// Streamed, attention makes its scores anew in both halves of its backward pass: 7 products beside the 2 of its forward pass, not 4.
test.each([
  ["with kept scores", (kernel: Kernel) => !kernel.name.startsWith("attention"), 4, 4.4],
  ["streamed", machine.keeps, 5, 5.4],
])(
  "the second stage at 2560x1440 is planned %s: forward, again, and backward",
  { timeout: 180_000 },
  async (_, keeps, least, most) => {
    const { trained, phases } = await plan(recipe("paper/ltx-2k"), keeps);
    expect(trained / 2.14e9).toBeCloseTo(1, 2);
    const steps = phases.filter(({ name }) => name.startsWith("step"));
    expect(steps.map(({ runs }) => runs)).toEqual([5000, 8000]);
    for (const [i, forward] of [229.4e12, 952.2e12].entries()) {
      const ratio = steps[i]!.flops / steps[i]!.runs / forward;
      expect(ratio).toBeGreaterThan(least);
      expect(ratio).toBeLessThan(most);
    }
  },
);

test("a recipe that starts from nothing is planned by its crops, and what is frozen has no moments", async () => {
  const { phases, parameters, trained, stateBytes, notes } = await plan(recipe("mini-vae"));
  expect(phases.map(({ name, runs }) => [name, runs])).toEqual([["step 2x17x96x96", 800]]);
  expect(trained).toBeLessThan(parameters);
  expect(stateBytes).toBe(16 * trained + 4 * (parameters - trained));
  expect(notes).toEqual([]);
});

const heads = { heads: 2, keyHeads: 1, headWidth: 8, width: 16, inner: 16, epsilon: 1e-5, layers: 1 };
const student = ltx2bOf("0.9.0");
const tiny: Rehearsed = {
  student: {
    transformer: { ...student.transformer, ...narrow, num_layers: 2 },
    vae: { ...student.vae, ...narrowVae },
    text: { ...student.text, d_model: 10, num_layers: 1, num_heads: 2, d_kv: 5, d_ff: 16 },
  },
  teacher: {
    language: { ...heads, ropeTheta: 10000, attentionBias: false, feedForwardBias: false },
    clip: { ...heads, length: 32 },
    transformer: {
      ...hunyuanVideo,
      ...{ doubleBlocks: 1, singleBlocks: 1, refinerBlocks: 1, heads: 2, headWidth: 8, ropeAxes: [4, 2, 2] },
      ...{ channels: 6, outChannels: 6, textWidth: 16, pooledWidth: 16, guidance: true },
    },
  },
  codec: () => pcaCodec({ cell: [4, 8, 8], channels: 6 }),
};

test.each(["ltx-distill", "ltx-2k"])("%s runs dry", { timeout: 180_000 }, (name) =>
  inFolder(async (home) => {
    const path = await rehearse(recipe(`paper/${name}`), home, tiny);
    // What is planned for it is what is there.
    const planned = await plan(path);
    expect(planned.notes).toEqual([]);
    const losses: number[] = [];
    let parameters = 0;
    for await (const event of train(path, openOrt({ threads: 1 }), { folder: join(home, "runs", name) })) {
      if (event.type === "started") parameters = event.parameters;
      if (event.type === "step") losses.push(event.report.loss);
    }
    expect(losses).toHaveLength(2);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(parameters).toBe(planned.parameters);
  }),
);
