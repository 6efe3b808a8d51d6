/** Teacher and base, and the gates that are asked of them before any arm is looked at. */
import { baseGate, determinismGate, teacherGate } from "../../../study/gates.ts";
import { measureSmall } from "../../../study/measure.ts";
import { picturesOf, type StudyPreset } from "../../../study/preset.ts";
import { type GateLine, meanFigure, type PromptRow } from "../../../study/results.ts";
import { sampleTeacher } from "../../../study/sample-teacher.ts";
import type { Frame } from "../../../video/frame.ts";
import type { Values } from "../training/job.ts";
import { type Study, said, smallClips, smallLine } from "./clips.ts";
import { type Asked, measureSmallClips, rowsOf } from "./evaluate.ts";
import { baseTask, distillTask, studentModel, teacherModel, teacherTask, trainNamed } from "./models.ts";
import { keepSamples } from "./sheets.ts";
import type { Trained } from "./train-arm.ts";

export interface Foundation {
  readonly gates: readonly GateLine[];
  readonly teacher: Values;
  readonly base: Values;
}

export async function layFoundation(study: Study): Promise<Foundation> {
  const { workshop, pool } = study;
  const { preset } = workshop;
  const teacher = await shared(study, "teacher", teacherTask(workshop, pool));
  const base = await shared(study, "base", baseTask(workshop, pool));
  let clips: ReturnType<typeof smallClips> | undefined;
  const baseClips = async () => {
    clips ??= smallClips(study, studentModel(workshop, base), study.asked);
    return (await clips).frames;
  };
  const [first, ...others] = preset.seeds as [number, ...number[]];
  const line = await study.once(`arm A0 ${first}`, async () =>
    smallLine(study, { arm: "A0", seed: first, trained: undefined, frames: await baseClips() }),
  );
  for (const seed of others) await study.once(`arm A0 ${seed}`, async () => ({ ...line, seed }));
  const { rows } = line;
  const gates = [
    await study.once("gate G2", async () => teacherGate(await teacherRows(study, teacher), rows)),
    await study.once("gate G3", async () => baseGate(rows, swappedMean(study.asked, await baseClips(), preset))),
    await study.once("gate G6", () => checkDeterminism(study, base)),
  ];
  return { gates, teacher, base };
}

async function shared(study: Study, what: string, training: Parameters<typeof trainNamed>[2]): Promise<Values> {
  const { values, steps, seconds, loss } = await trainNamed(study, what, training);
  await study.once(`training ${what}`, async () => ({ kind: "training", what, steps, seconds, loss }));
  return values;
}

async function teacherRows({ workshop, asked, folder }: Study, values: Values): Promise<PromptRow[]> {
  const { teacher, preset, runtime } = workshop;
  const grid = teacher.grid(picturesOf(preset).small);
  const request = { ...said(asked), grid, sampler: preset.sampler };
  const frames: Frame[][] = [];
  for (const latents of await sampleTeacher(teacherModel(workshop, values), runtime, request))
    frames.push(await teacher.decode(latents, grid));
  await keepSamples(folder, "teacher", frames);
  return measureSmallClips(asked, frames, preset.detail);
}

/** Mean attribute accuracy of clips against the prompts of others: what chance gives. */
function swappedMean(asked: readonly Asked[], clips: readonly Frame[][], { detail, samples }: StudyPreset): number {
  const away = samples * Math.max(1, Math.floor(asked.length / samples / 2));
  const figures = clips.map((frames, i) => measureSmall(asked[(i + away) % asked.length]!.scene, frames, detail));
  return meanFigure(rowsOf(asked, figures), "mean");
}

/** G6, on as many steps of A1 as show it. */
async function checkDeterminism(study: Study, start: Values): Promise<GateLine> {
  const { workshop, pool } = study;
  const steps = Math.min(20, workshop.preset.steps.arm);
  const run = (name: string): Promise<Trained> => {
    const arm = { name, strategy: "data-only", seed: workshop.preset.seeds[0]!, weight: 0, steps, start } as const;
    return trainNamed(study, name, distillTask(workshop, pool, { ...arm, features: undefined }));
  };
  const [a, b] = [await run("same-a"), await run("same-b")];
  const areWeightsEqual = [...a.values].every(([name, { data }]) => {
    const other = b.values.get(name)!.data;
    return data.length === other.length && data.every((value, i) => value === other[i]);
  });
  return determinismGate(areWeightsEqual && a.loss === b.loss, steps);
}
