/** The recipes at the paper's sizes: planned as they are, run with few and narrow layers. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { hunyuanVideo } from "../../../models/hunyuan/config.ts";
import { pcaCodec } from "../../../pipelines/codec.ts";
import type { Kernel } from "../../../tensor/kernel.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { planTraining } from "../../../training/plan.ts";
import { narrow, narrowVae } from "../bench/model-cases.ts";
import { openOrt } from "../devices/ort.ts";
import { packageRoot } from "../generate/package-root.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { ltx2bOf } from "../rehearsal/write-checkpoint.ts";
import { inFolder } from "../video/testing.ts";
import { planRecipe } from "./plan-recipe.ts";
import { type Rehearsed, rehearse } from "./rehearse.ts";
import { readRecipe, train } from "./run.ts";

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
  // Weights, two moments and sums of gradients; captions of files are read from disk, so that no text encoder stays.
  expect(stateBytes).toBe(4 * 4 * trained);
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
    // Whole pictures of 80 by 45 cells are encoded in tiles of 16.
    for (const frames of [49, 121]) {
      const latents = phases.find(({ name }) => name === `large latents 2560x1440x${frames} whole`)!;
      expect(latents.runs).toBe(4000 * 15);
      expect(latents.peakBytes).toBeLessThan(frames * 1e8);
    }
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

test("a teacher that is not there is planned with its own text encoders: CLIP reads 77 words", () =>
  inFolder(async (folder) => {
    const path = join(folder, "distill.yaml");
    const text = await readFile(recipe("paper/ltx-distill"), "utf8");
    await writeFile(path, text.replace(/^embeddings:.*$/m, ""));
    const { preparation } = await planRecipe(path, { keeps: machine.keeps, note: () => {} });
    const { program, runs } = preparation.find(({ name }) => name === "teacher's text 960x544x49")!;
    expect(runs).toBe(4000);
    const shapeOf = (name: string) => program.nodes[program.inputs.get(name)!]!.shape;
    expect([shapeOf("ids"), shapeOf("words")]).toEqual([
      [1, 95 + 256],
      [1, 77],
    ]);
  }));

test("windows are planned with what their encoder sees around them, and share the small pictures", () =>
  inFolder(async (folder) => {
    await saveTinyModel(join(folder, "tiny"));
    const bucket = { picture: "512x320x9", batch: 1 };
    const file = {
      ...{ kind: "high-resolution", name: "hr", seed: 1, world: "mini", model: "tiny", draft: "64x64", taps: [0] },
      ...{ captionDropout: 0, group: 4, timesteps: { uniform: 1, shift: 1 }, defaults: { steps: 1, shift: 1 } },
      ...{ clips: { "512x320x9 2x1": 8, "512x320x9 whole": 3 }, preview: { picture: "512x320x9", prompts: 1 } },
      validation: { clips: 2, every: 1 },
      stages: [{ steps: 2, buckets: [{ ...bucket, window: "2x1", weight: 2 }, bucket] }],
    };
    await writeFile(join(folder, "hr.yaml"), stringify(file));
    const { preparation } = await planRecipe(join(folder, "hr.yaml"), { keeps: machine.keeps, note: () => {} });
    const sizes = preparation.map(({ name, program, runs }) => {
      const [, , , height, width] = program.nodes[program.inputs.get("pixels")!]!.shape;
      return [name, runs, `${width}x${height}`];
    });
    // Four cells on either side of two by one, in a picture of 16 by 10.
    expect(sizes).toEqual([
      ["small latents 512x320x9", 8, "64x64"],
      ["small latents held-out", 2, "64x64"],
      ["large latents 512x320x9 2x1", 8, "320x288"],
      ["large latents 512x320x9 whole", 3, "512x320"],
      ["large latents held-out", 2, "320x288"],
    ]);
  }));

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

test("a second stage that goes on from another runs dry with random weights", () =>
  inFolder(async (home) => {
    const path = join(home, "hr.yaml");
    await writeFile(path, `${await readFile(recipe("paper/ltx-2k"), "utf8")}\nfrom: ../../runs/ltx-2k-before/model\n`);
    expect(await readRecipe(await rehearse(path, join(home, "dry"), tiny))).not.toHaveProperty("from");
  }));

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
