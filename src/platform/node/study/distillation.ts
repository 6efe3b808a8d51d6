/** Arms of distillation, and what probes see of them. */
import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { Random } from "../../../base/philox.ts";
import { studyAt, studyCaption } from "../../../data/world/study.ts";
import { type DistillArm, type DistillArmName, distillArms } from "../../../study/arms.ts";
import type { StudyPreset } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import { type ArmLine, linesOf, meanFigure } from "../../../study/results.ts";
import { Opened } from "../files/opened.ts";
import type { Values } from "../training/job.ts";
import { isAsked, type Study, smallClips, smallLine } from "./clips.ts";
import { askAll, measureSmallClips, type Prompt } from "./evaluate.ts";
import type { Foundation } from "./foundation.ts";
import {
  type DistillRun,
  distillTask,
  type FeatureKind,
  type Features,
  openFeatures,
  studentModel,
  teacherModel,
  trainNamed,
} from "./models.ts";
import { probeDistillation } from "./probes.ts";
import { finished, type Trained } from "./train-arm.ts";

/** Answers models that draft for the second stage, those of the first seed. */
export async function distil(
  study: Study,
  { teacher: teacherValues, base }: Foundation,
  drafters: readonly DistillArmName[],
): Promise<ReadonlyMap<DistillArmName, Values>> {
  const { workshop, results } = study;
  const { preset } = workshop;
  const teacher = teacherModel(workshop, teacherValues);
  const opened = new Opened();
  try {
    const featuresFor = openLazily(study, teacher, opened);
    const weights = {
      fixed: await weightOf(study, "A2", base, featuresFor),
      synchronised: await weightOf(study, "A3", base, featuresFor),
    };
    const trainOne = async (name: DistillArmName, seed: number, given?: number): Promise<Trained> => {
      const { strategy = "data-only", middle, longer = 1 }: DistillArm = distillArms[name];
      const features = await featuresFor({ strategy, middle, longer });
      const weight = middle?.weight ?? weights[levelOf(strategy)];
      const steps = given ?? preset.steps.arm * longer;
      const run = { name, strategy, seed, weight, isMiddle: middle !== undefined, longer, steps, features };
      const trained = await train(study, base, run);
      return { ...trained, seconds: trained.seconds + (features?.seconds ?? 0) };
    };
    for (const [arm, { strategy, secondsOf, longer }] of Object.entries<DistillArm>(distillArms)) {
      if (!strategy || !isAsked(study, arm)) continue;
      for (const seed of study.seeds) {
        if (longer && seed !== preset.seeds[0]) continue;
        await study.once(`arm ${arm} ${seed}`, async () => {
          const steps = secondsOf ? stepsFor(study, arm, secondsOf, seed) : undefined;
          const trained = await trainOne(arm as DistillArmName, seed, steps);
          const { frames } = await smallClips(study, studentModel(workshop, trained.values), study.asked);
          return smallLine(study, { arm, seed, trained, frames });
        });
      }
    }
    const ofFirst = async (arm: DistillArmName) => {
      const seed = preset.seeds[0]!;
      const { values } = (await finished(join(study.folder, "runs", runOf(arm, seed)))) ?? (await trainOne(arm, seed));
      return values;
    };
    const students = {
      A0: async () => base,
      A1: () => ofFirst("A1"),
      A3: () => ofFirst("A3"),
      A6: () => ofFirst("A6"),
    };
    const isWanted = (probe: string) => !study.arms && !results.find(`probe ${probe}`);
    for (const line of await probeDistillation(study, teacher, students, isWanted))
      await study.once(`probe ${line.probe}`, async () => line);
    const values = new Map<DistillArmName, Values>();
    for (const arm of drafters) values.set(arm, await ofFirst(arm));
    return values;
  } finally {
    await opened.close();
  }
}

const levelOf = (strategy: DistillRun["strategy"]) => (strategy === "fixed" ? "fixed" : "synchronised");

type FeaturesFor = (arm: Pick<DistillArm, "strategy" | "middle" | "longer">) => Promise<Features | undefined>;

/** A teacher's features, opened when an arm first asks for them; how long they took is charged to every arm that sees them. */
function openLazily(study: Study, teacher: Parameters<typeof openFeatures>[1], opened: Opened): FeaturesFor {
  const { pool, draws } = study.workshop.preset;
  const open = async (what: string, kind: FeatureKind): Promise<Features> => {
    const features = opened.keep(await openFeatures(study, teacher, kind));
    const steps = pool * draws * (kind.longer ?? 1);
    const { seconds } = await study.once(`training ${what}`, async () => {
      return { kind: "training", what, steps, seconds: features.seconds, loss: null };
    });
    return { ...features, seconds };
  };
  const known = new Map<string, Promise<Features>>();
  return async ({ strategy = "data-only", middle, longer = 1 }) => {
    if (strategy === "data-only") return undefined;
    const kind = { strategy: levelOf(strategy), isMiddle: middle !== undefined, longer } as const;
    const what = `features, ${kind.strategy}${kind.isMiddle ? ", middle block" : ""}${longer > 1 ? `, ${longer} times the draws` : ""}`;
    const features = known.get(what) ?? open(what, kind);
    known.set(what, features);
    return features;
  };
}

interface Run extends Pick<DistillRun, "name" | "strategy" | "seed" | "weight" | "isMiddle" | "longer" | "steps"> {
  readonly features: Features | undefined;
}

const runOf = (arm: string, seed: number): string => `${arm}-${seed}`;

function train(study: Study, start: Values, { features, ...run }: Run): Promise<Trained> {
  const training = distillTask(study.workshop, study.pool, { ...run, start, features: features?.teacher });
  return trainNamed(study, runOf(run.name, run.seed), training);
}

/** Steps of A1 that take as long as another arm's did. */
function stepsFor({ results }: Study, arm: string, secondsOf: string, seed: number): number {
  const of = (name: string) => {
    const line = results.find(`arm ${name} ${seed}`);
    if (line) return line as ArmLine;
    throw new InputError(`${arm} trains for the seconds of ${secondsOf}, which has not run with seed ${seed}`, {
      hint: `A1 and ${secondsOf} first`,
    });
  };
  const [other, plain] = [of(secondsOf), of("A1")];
  return Math.max(other.steps, Math.round((other.seconds / plain.seconds) * plain.steps));
}

/** λ of an arm by mean accuracy on validation prompts, with a seed that is not reported. */
async function weightOf(study: Study, arm: "A2" | "A3", base: Values, featuresFor: FeaturesFor): Promise<number> {
  const { workshop, results } = study;
  const { preset } = workshop;
  if (preset.weights.length === 1) return preset.weights[0]!;
  const asked = askAll(validation(preset), 1);
  const { strategy } = distillArms[arm];
  const tuning = { strategy, seed: seeds.tuning, steps: preset.steps.arm };
  const features = await featuresFor({ strategy });
  for (const weight of preset.weights)
    await study.once(`tuning ${arm} ${weight}`, async () => {
      const { values } = await train(study, base, { ...tuning, name: `${arm}-tuning-${weight}`, weight, features });
      const { frames } = await smallClips(study, studentModel(workshop, values), asked);
      const mean = meanFigure(measureSmallClips(asked, frames, preset.detail), "mean");
      return { kind: "tuning", arm, weight, mean };
    });
  const tried = linesOf(results.lines, "tuning").filter((line) => line.arm === arm);
  return tried.reduce((best, line) => (line.mean > best.mean ? line : best)).weight;
}

/** Prompts that are neither trained nor tested with. */
function validation(preset: StudyPreset): Prompt[] {
  return Array.from({ length: Math.min(60, preset.prompts) }, (_, index) => {
    const { scene } = studyAt(seeds.tuning, index, preset, "all");
    return { prompt: studyCaption(scene, new Random(seeds.tuning, index), 0), scene, heldOut: false };
  });
}
