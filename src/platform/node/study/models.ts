/** A study's models from trained values, and their trainings. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type HrConfig, proportionalTaps } from "../../../models/ltx/two-stage-config.ts";
import type { HunyuanModel } from "../../../pipelines/hunyuan.ts";
import { openPrompts } from "../../../pipelines/hunyuan-text.ts";
import type { Settings } from "../../../pipelines/model.ts";
import { picturesOf, type StudyPreset } from "../../../study/preset.ts";
import { baseRecipe, distillRecipe, hrRecipe, seeds, teacherRecipe } from "../../../study/recipes.ts";
import { DistillTask, type DistillTeacher } from "../../../training/distill-task.ts";
import { LiveTeacher, teacherPlaces } from "../../../training/distill-teacher.ts";
import { modelConfigs } from "../../../training/flow-model.ts";
import { FlowTask } from "../../../training/flow-task.ts";
import { type Drafter, FrozenDraft } from "../../../training/hr-draft.ts";
import { HrTask, bucketKey as hrKey } from "../../../training/hr-task.ts";
import type { DistillRecipe } from "../../../training/recipe.ts";
import { pictureKey } from "../../../training/stages.ts";
import { teacherConfigs } from "../../../training/teacher-net.ts";
import { TeacherTask } from "../../../training/teacher-task.ts";
import type { OptimiserSettings, Task } from "../../../training/trainer.ts";
import { openTogether } from "../files/opened.ts";
import { keptFeatures } from "../training/feature-cache.ts";
import { inMemory, under, type Values } from "../training/job.ts";
import { type TrainArmOptions, type Trained, trainArm } from "./train-arm.ts";
import type { Latents, Pool, Sizes, Workshop } from "./workshop.ts";

export interface TrainContext extends Pick<TrainArmOptions, "signal"> {
  readonly workshop: Workshop;
  readonly pool: Pool;
  /** Of the study. */
  readonly folder: string;
  readonly report: (step: number, steps: number, what: string) => void;
}

const settingsOf = (preset: StudyPreset, name: string): Settings => ({
  name,
  ...picturesOf(preset).small,
  fps: preset.fps,
  steps: preset.sampler.steps,
  guidanceScale: preset.sampler.scale,
  textLength: preset.words,
  schedule: { kind: "uniform", shift: preset.sampler.shift },
});

const setKey = ({ preset }: Sizes): string => pictureKey(picturesOf(preset).small);

export function teacherTask(sizes: Sizes, { teachers }: Latents) {
  const recipe = teacherRecipe(sizes.preset);
  const { tokenizer, teacher } = sizes;
  const sets = new Map([[setKey(sizes), teachers]]);
  return {
    recipe,
    task: new TeacherTask(recipe, {
      tokenizer,
      channels: teacher.codec.channels,
      sets,
      channelWeights: teacher.channelWeights,
    }),
  };
}

export function teacherModel({ preset, tokenizer, teacher }: Sizes, values: Values): HunyuanModel & { hash: string } {
  const configs = teacherConfigs(teacherRecipe(preset), tokenizer.size, teacher.codec.channels);
  const part = <C>(config: C, name: string) => ({ config, weights: inMemory(under(values, `${name}.`)) });
  const hash = createHash("sha256");
  for (const [name, { data }] of values)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return {
    settings: settingsOf(preset, "teacher"),
    codec: teacher.codec,
    text: { tokenizer, language: part(configs.language, "language"), clip: part(configs.clip, "clip") },
    transformer: part(configs.transformer, "transformer"),
    hash: hash.digest("hex"),
  };
}

export function baseTask(sizes: Sizes, { small }: Latents) {
  const recipe = baseRecipe(sizes.preset);
  const { tokenizer, student } = sizes;
  const { channels, compression } = student.codec;
  const sets = new Map([[setKey(sizes), small]]);
  return {
    recipe,
    task: new FlowTask(recipe, { tokenizer, channels, compression, sets, channelWeights: student.channelWeights }),
  };
}

const studentConfigs = ({ preset, tokenizer, student }: Sizes) =>
  modelConfigs(baseRecipe(preset), tokenizer.size, student.codec.channels);

/** @param values text encoder and transformer, by the names that both tasks of the student use */
export function studentModel(sizes: Sizes, values: Values): Drafter {
  const { text, transformer } = studentConfigs(sizes);
  return {
    settings: settingsOf(sizes.preset, "student"),
    tokenizer: sizes.tokenizer,
    text: { config: text, weights: inMemory(under(values, "text.")) },
    transformer: { config: transformer, weights: inMemory(under(values, "transformer.")) },
    compression: sizes.student.codec.compression,
  };
}

export interface Features {
  readonly teacher: DistillTeacher;
  /** That the teacher took for those that were not on disk. */
  readonly seconds: number;
  dispose(): Promise<void>;
}

export interface FeatureKind {
  readonly strategy: "synchronised" | "fixed";
  readonly isMiddle: boolean;
  /** Of as many times the preset's draws. */
  readonly longer?: number;
}

/** The teacher's features of the whole pool at the students' noise levels, or at 0.1; kept on disk. */
export function openFeatures(
  { workshop, pool }: TrainContext,
  teacher: HunyuanModel & { readonly hash: string },
  kind: FeatureKind,
): Promise<Features> {
  const { preset, runtime } = workshop;
  const { teachers, request } = pool;
  const recipe = distillRecipe(preset, { name: "features", ...kind, seed: seeds.draws, weight: 1, steps: 1 });
  const sets = new Map([[setKey(workshop), teachers]]);
  return openTogether(async (opened) => {
    const prompts = opened.keep(openPrompts(teacher, runtime));
    const live = opened.keep(
      new LiveTeacher(teacher, runtime, {
        prompts: prompts.encode,
        sets,
        seed: seeds.draws,
        block: recipe.taps.teacher,
        guidance: recipe.guidance,
        sigmaOf: kind.strategy === "fixed" ? () => recipe.fixedSigma : (sigma) => sigma,
      }),
    );
    const started = performance.now();
    const { folder: cache, signal, report } = request;
    const requests = new Map([[setKey(workshop), request]]);
    const options = { cache, signal, ...(report && { report }) };
    const features = opened.keep(await keptFeatures(live, { model: teacher, recipe, sets, requests }, options));
    return {
      teacher: { width: live.width, places: () => teacherPlaces(teacher, teachers), features },
      seconds: (performance.now() - started) / 1000,
    };
  });
}

export interface DistillRun {
  readonly name: string;
  readonly strategy: DistillRecipe["strategy"];
  readonly seed: number;
  readonly weight: number;
  /** Blocks halfway, centred, rather than last blocks as they are. */
  readonly isMiddle?: boolean;
  /** On as many times the preset's draws. */
  readonly longer?: number;
  readonly steps: number;
  readonly start: Values;
  readonly features: DistillTeacher | undefined;
}

/** Goes on from the base as an arm does. */
export function distillTask(sizes: Sizes, { small }: Latents, run: DistillRun) {
  const recipe = distillRecipe(sizes.preset, run);
  const { preset, tokenizer, student } = sizes;
  const task = new DistillTask(recipe, {
    configs: studentConfigs(sizes),
    start: run.start,
    tokenizer,
    words: preset.words,
    fps: preset.fps,
    compression: student.codec.compression,
    sets: new Map([[setKey(sizes), small]]),
    teacher: run.features,
    channelWeights: student.channelWeights,
  });
  return { recipe, task };
}

export const hrConfig = (model: Drafter, guidance: HrConfig["guidance"]): HrConfig => ({
  transformer: model.transformer.config,
  taps: proportionalTaps(model.transformer.config.layers),
  guidance,
  form: "residual",
  conv: "depthwise",
  placement: "field",
  moments: 0,
});

export interface HrRun {
  readonly name: string;
  readonly guidance: HrConfig["guidance"];
  readonly seed: number;
  readonly steps: number;
  readonly draft: Drafter;
  /** The draft's values. */
  readonly start: Values;
}

export function hrTask(sizes: Sizes, { large }: Latents, { name, guidance, seed, steps, draft, start }: HrRun) {
  const recipe = hrRecipe(sizes.preset, { name, guidance, seed, steps });
  const config = hrConfig(draft, guidance);
  const usesFeatures = guidance === "features" || guidance === "features-synced";
  const frozen = new FrozenDraft(draft, sizes.runtime, usesFeatures ? config.taps : []);
  const sets = new Map([[hrKey(recipe.stages[0]!.buckets[0]!), large]]);
  const task = new HrTask(recipe, {
    config,
    draft: frozen,
    start: under(start, "transformer."),
    sets,
    channelWeights: sizes.student.channelWeights,
  });
  return { recipe, task, dispose: () => frozen.dispose() };
}

/** Trains in `runs/NAME` of the study's folder. */
export function trainNamed(
  { workshop, folder, report, signal }: TrainContext,
  name: string,
  { task, recipe }: { task: Task; recipe: { optimiser: OptimiserSettings } },
): Promise<Trained> {
  return trainArm(join(folder, "runs", name), task, workshop.runtime, {
    optimiser: recipe.optimiser,
    recipe,
    report: (step, steps) => report(step, steps, name),
    signal,
  });
}
