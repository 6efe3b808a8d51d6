/** A study's trainings as recipes of the training tasks. */
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import type { DistillRecipe, FlowRecipe, HrRecipe, TeacherRecipe } from "../training/recipe.ts";
import { pictureKey } from "../training/stages.ts";
import { picturesOf, type StudyPreset } from "./preset.ts";

/** Seeds of what all arms share; arms add their own. */
export const seeds = { codecs: 70_001, pool: 70_002, teacher: 70_003, base: 70_004, draws: 70_005, tuning: 70_006 };

const timesteps = { uniform: 0.2, shift: 1 };
const captionDropout = 0.1;

function shared(preset: StudyPreset, name: string, seed: number, steps: number, of: "teacher" | "student" = "student") {
  const { small } = picturesOf(preset);
  const { steps: samplerSteps, shift, scale } = preset.sampler;
  const warmup = Math.min(50, Math.ceil(steps / 10));
  return {
    name,
    seed,
    ...(preset.channelPower && { channelPower: preset.channelPower }),
    optimiser: { rate: preset.rates[of], warmup, final: 0.1, average: steps > 1000 ? 0.999 : 0.98 },
    checkpointMinutes: 1,
    rematerialise: false,
    timesteps,
    captionDropout,
    fps: preset.fps,
    clips: { [pictureKey(small)]: preset.pool },
    stages: [{ steps, buckets: [{ picture: small, batch: preset.batch, weight: 1 }] }],
    preview: { picture: small, prompts: 1 },
    defaults: { picture: small, steps: samplerSteps, shift, guidanceScale: scale },
  };
}

export function teacherRecipe(preset: StudyPreset): TeacherRecipe {
  const { doubleBlocks, singleBlocks, heads, ropeAxes, text, pooled } = preset.teacher;
  const [frames, height, width] = preset.teacherCodec.cell;
  return {
    kind: "teacher",
    ...shared(preset, "teacher", seeds.teacher, preset.steps.teacher, "teacher"),
    codec: { ...preset.teacherCodec, cell: [frames, height, width] },
    transformer: { doubleBlocks, singleBlocks, refinerBlocks: 1, heads, ropeAxes: [...ropeAxes] },
    text: { ...text, tokens: preset.words },
    pooled,
  };
}

export function baseRecipe(preset: StudyPreset): FlowRecipe {
  const { transformer, text } = preset.student;
  return {
    kind: "text-to-video",
    ...shared(preset, "base", seeds.base, preset.steps.base),
    vae: "study",
    transformer,
    text: { ...text, tokens: preset.words },
  };
}

/** Draws, teacher's noise and features are those of `seeds.draws` in all arms and seeds: a finite pool, the same for all. */
export function distillRecipe(
  preset: StudyPreset,
  arm: {
    name: string;
    strategy: DistillRecipe["strategy"];
    seed: number;
    weight: number;
    steps: number;
    isMiddle?: boolean;
    /** Times the preset's draws. */
    longer?: number;
  },
): DistillRecipe {
  const { fps: _, defaults: __, ...rest } = shared(preset, arm.name.toLowerCase(), arm.seed, arm.steps);
  return {
    kind: "distill",
    ...rest,
    student: "study",
    teacher: "study",
    strategy: arm.strategy,
    fixedSigma: 0.1,
    weight: arm.weight,
    loss: "velocity",
    taps: arm.isMiddle ? preset.middle : { student: -1, teacher: -1 },
    centre: arm.isMiddle ?? false,
    frames: "nearest",
    guidance: 1,
    draws: preset.draws * (arm.longer ?? 1),
    drawSeed: seeds.draws,
    trainText: false,
  };
}

export function hrRecipe(
  preset: StudyPreset,
  arm: { name: string; guidance: HrConfig["guidance"]; seed: number; steps: number },
): HrRecipe {
  const { small, large } = picturesOf(preset);
  const { fps: _, defaults, stages, ...rest } = shared(preset, arm.name.toLowerCase(), arm.seed, arm.steps);
  return {
    kind: "high-resolution",
    ...rest,
    model: "study",
    draft: { width: small.width, height: small.height },
    guidance: arm.guidance,
    form: "residual",
    conv: "depthwise",
    placement: "field",
    moments: 0,
    group: 1,
    stages: stages.map(({ steps }) => ({ steps, buckets: [{ picture: large, batch: preset.batch, weight: 1 }] })),
    defaults: { steps: defaults.steps, shift: defaults.shift, guidanceScale: defaults.guidanceScale },
  };
}
