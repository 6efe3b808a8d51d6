/** Drafts and their gate, arms of the second stage, and the drafting model run directly at growing sizes. */
import { studyFrames } from "../../../data/world/study-source.ts";
import { type DistillArmName, type HrArm, hrArms } from "../../../study/arms.ts";
import { draftGate } from "../../../study/gates.ts";
import { measureSmall } from "../../../study/measure.ts";
import { picturesOf } from "../../../study/preset.ts";
import type { GateLine } from "../../../study/results.ts";
import type { Drafter } from "../../../training/hr-draft.ts";
import type { Frame } from "../../../video/frame.ts";
import { resizeFrame } from "../../../video/resize.ts";
import type { Values } from "../training/job.ts";
import { isAsked, largeClips, largeLine, type Study, smallClips } from "./clips.ts";
import { measureSmallClips, rowsOf } from "./evaluate.ts";
import { hrTask, studentModel, trainNamed } from "./models.ts";
import { probeDrafts } from "./probe-drafts.ts";
import type { Trained } from "./train-arm.ts";

/** As the paper's is: synchronised. */
const mainDrafter = "A3";

/** What arms of the second stage share. */
export interface Drafts {
  readonly model: Drafter;
  readonly values: Values;
  /** [n, C] of each sample. */
  readonly latents: readonly Float32Array[];
  readonly frames: readonly Frame[][];
}

/** The students whose drafts arms that run here refine, and the one that the gate judges. */
export function draftersOf(study: Study): DistillArmName[] {
  const arms = Object.entries<HrArm>(hrArms).filter(
    ([name, arm]) => isAsked(study, name) && study.seeds.some((seed) => isOf(study, arm, seed)),
  );
  return [...new Set<DistillArmName>([mainDrafter, ...arms.map(([, { drafter = mainDrafter }]) => drafter)])];
}

/** Whether an arm runs with a seed: long ones, and those on drafts of long ones, with the first alone. */
const isOf = ({ workshop }: Study, { longer, drafter }: HrArm, seed: number): boolean =>
  seed === workshop.preset.seeds[0] || !(longer || drafter);

export type DraftsOf = (drafter?: DistillArmName) => Promise<Drafts>;

/** Drafts of students, drawn when first asked for. */
export function drawLazily(study: Study, students: ReadonlyMap<DistillArmName, Values>): DraftsOf {
  const draw = async (values: Values): Promise<Drafts> => {
    const model = studentModel(study.workshop, values);
    return { model, values, ...(await smallClips(study, model, study.asked)) };
  };
  const drawn = new Map<DistillArmName, Promise<Drafts>>();
  return (drafter = mainDrafter) => {
    const drafts = drawn.get(drafter) ?? draw(students.get(drafter)!);
    drawn.set(drafter, drafts);
    return drafts;
  };
}

export const judgeDrafts = (study: Study, draftsOf: DraftsOf): Promise<GateLine> =>
  study.once("gate G4", async () => {
    const { frames } = await draftsOf();
    return draftGate(measureSmallClips(study.asked, frames, study.workshop.preset.detail));
  });

export async function refine(study: Study, draftsOf: DraftsOf): Promise<void> {
  const { preset } = study.workshop;
  const arms = Object.entries<HrArm>(hrArms).filter(([arm]) => isAsked(study, arm));
  for (const seed of study.seeds)
    for (const [arm, settings] of arms) {
      if (!isOf(study, settings, seed)) continue;
      const { guidance, modelOf = arm, oracle, longer, drafter } = settings;
      const steps = preset.steps.hr * (longer ?? 1);
      await study.once(`arm ${arm} ${seed}`, async () => {
        const drafts = await draftsOf(drafter);
        const trained = guidance && (await train(study, drafts, { name: modelOf, guidance, seed, steps }));
        const latents = oracle ? await truths(study) : drafts.latents;
        const request = trained && { guidance, values: trained.values, drafts: latents };
        const frames = request
          ? await largeClips(study, drafts.model, request)
          : enlarged(drafts.frames, preset.detail);
        return largeLine(study, { arm, seed, trained, frames }, drafts.frames);
      });
    }
  if (study.arms) return;
  const isWanted = (probe: string) => !study.results.find(`probe ${probe}`);
  const { model } = await draftsOf();
  for (const line of await probeDrafts(study, model, isWanted))
    await study.once(`probe ${line.probe}`, async () => line);
  await growDirectly(study, model);
}

type HrRun = Pick<Parameters<typeof hrTask>[2], "name" | "guidance" | "seed" | "steps">;

async function train(study: Study, { model, values }: Drafts, run: HrRun): Promise<Trained> {
  const training = hrTask(study.workshop, study.pool, { ...run, draft: model, start: values });
  try {
    return await trainNamed(study, `${run.name}-${run.seed}`, training);
  } finally {
    training.dispose();
  }
}

const enlarged = (clips: readonly Frame[][], side: number): Frame[][] =>
  clips.map((frames) => frames.map((frame) => resizeFrame(frame, side, side)));

/** Clean low-resolution latents of what the prompts describe. */
async function truths({ workshop, asked }: Study): Promise<Float32Array[]> {
  const { student, preset } = workshop;
  const out: Float32Array[] = [];
  for (const { scene } of asked)
    out.push(await student.encodeTokens(studyFrames(scene, picturesOf(preset).small, preset.detail)));
  return out;
}

/** The claim of the paper's Fig. 3. */
async function growDirectly(study: Study, model: Drafter): Promise<void> {
  const { workshop, asked } = study;
  const { preset, student } = workshop;
  const smallest = preset.detail / 2;
  const step = Math.max(student.codec.compression[1], smallest / 4);
  for (let size = smallest; size <= preset.detail; size += step)
    await study.once(`size direct ${size}`, async () => {
      const started = performance.now();
      const { frames } = await smallClips(study, model, asked, size);
      const secondsPerClip = (performance.now() - started) / 1000 / asked.length;
      const figures = asked.map(({ scene }, i) => measureSmall(scene, frames[i]!, preset.detail));
      return { kind: "size", how: "direct", size, rows: rowsOf(asked, figures), secondsPerClip };
    });
}
