/** What a study costs on this device, from a few steps of each of its trainings on random latents. */
import { gaussian } from "../../../base/philox.ts";
import { wholeOf } from "../../../models/ltx/resize.ts";
import { tokensOf } from "../../../models/ltx/rope.ts";
import { pcaCodec } from "../../../pipelines/codec.ts";
import { latentGrid } from "../../../pipelines/hunyuan.ts";
import { type DistillArm, distillArms, type HrArm, hrArms } from "../../../study/arms.ts";
import { picturesOf, type StudyPreset } from "../../../study/preset.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { teacherPlaces } from "../../../training/distill-teacher.ts";
import { type OptimiserSettings, type Task, Trainer } from "../../../training/trainer.ts";
import { baseTask, distillTask, hrTask, studentModel, teacherModel, teacherTask } from "./models.ts";
import { type Latents, type Sizes, studyTokenizer } from "./workshop.ts";

export interface PlannedTraining {
  readonly what: string;
  readonly parameters: number;
  readonly tokens: number;
  /** Median of a step. */
  readonly secondsPerStep: number;
  readonly steps: number;
  /** How many of them the study has. */
  readonly runs: number;
}

const codec = ({ cell, channels }: StudyPreset["studentCodec"]): Sizes["student"] => {
  const made = { ...pcaCodec({ cell, channels }), weights: new Map(), hash: "" };
  return { codec: made, channelWeights: undefined, grid: (picture) => latentGrid(picture, made) };
};

/** Times two steps of each training after one that compiles. */
export async function planStudy(preset: StudyPreset, runtime: Runtime): Promise<PlannedTraining[]> {
  const [student, teacher] = [codec(preset.studentCodec), codec(preset.teacherCodec)];
  const sizes: Sizes = { preset, runtime, tokenizer: studyTokenizer(), student, teacher };
  const { small, large } = picturesOf(preset);
  const set = (coder: typeof student, picture: typeof small) => {
    const grid = coder.grid(picture);
    const read = async (clip: number) => gaussian(coder.codec.channels * tokensOf(grid), clip, "plan");
    return { grid, count: 4, read, caption: () => "a large red square with fine checks moves left slowly" };
  };
  const whole = set(student, large);
  const latents: Latents = {
    small: set(student, small),
    teachers: set(teacher, small),
    large: { ...whole, small: set(student, small), large: whole.grid, group: 4, window: () => wholeOf(whole.grid) },
  };
  const out: PlannedTraining[] = [];
  const time = async (what: string, tokens: number, runs: number, { task, recipe }: Timed) => {
    const secondsPerStep = await timeOf(task, runtime, recipe.optimiser);
    const parameters = [...parametersOf(task.model).values()].reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    out.push({ what, parameters, tokens, secondsPerStep, steps: task.steps, runs });
  };
  const seeds = preset.seeds.length;
  const ofTeacher = teacherTask(sizes, latents);
  const teacherValues = await ofTeacher.task.initial();
  const model = teacherModel(sizes, teacherValues);
  const places = teacherPlaces(model, latents.teachers);
  await time("teacher", tokensOf(places.grid), 1, ofTeacher);
  const ofBase = baseTask(sizes, latents);
  const start = await ofBase.task.initial();
  await time("base", tokensOf(latents.small.grid), 1, ofBase);
  const width = preset.teacher.heads * preset.teacher.ropeAxes.reduce((sum, axis) => sum + axis, 0);
  const features = {
    width,
    places: () => places,
    features: {
      read: async (_: string, draws: readonly unknown[]) => {
        const shape = [draws.length, tokensOf(places.grid), width];
        return hostTensor(
          gaussian(
            shape.reduce((a, b) => a * b),
            1,
            "plan features",
          ),
          shape,
        );
      },
    },
  };
  const arm = { seed: 1, weight: 0.5, steps: preset.steps.arm, start };
  const runsOf = (arms: readonly { readonly longer?: number }[]) =>
    arms.reduce((sum, { longer }) => sum + (longer ?? seeds), 0);
  const learning = Object.values<DistillArm>(distillArms).filter(({ strategy }) => strategy);
  const plain = learning.filter(({ strategy }) => strategy === "data-only");
  const taught = learning.filter(({ strategy }) => strategy !== "data-only");
  const tunings = preset.weights.length > 1 ? 2 * preset.weights.length : 0;
  const tokens = tokensOf(latents.small.grid);
  await time(
    "arm on data",
    tokens,
    runsOf(plain),
    distillTask(sizes, latents, { ...arm, name: "A1", strategy: "data-only", features: undefined }),
  );
  await time(
    "arm with features",
    tokens,
    runsOf(taught) + tunings,
    distillTask(sizes, latents, { ...arm, name: "A3", strategy: "synchronised", features }),
  );
  const guided = Object.values<HrArm>(hrArms).filter(({ guidance, modelOf }) => guidance && !modelOf);
  const hr = hrTask(sizes, latents, {
    name: "B4",
    guidance: "features",
    seed: 1,
    steps: preset.steps.hr,
    draft: studentModel(sizes, start),
    start,
  });
  await time("second stage", tokensOf(whole.grid), runsOf(guided), hr);
  hr.dispose();
  return out;
}

interface Timed {
  readonly task: Task;
  readonly recipe: { readonly optimiser: OptimiserSettings };
}

async function timeOf(task: Task, runtime: Runtime, optimiser: OptimiserSettings): Promise<number> {
  const trainer = await Trainer.start(task, runtime, await task.initial(), optimiser);
  try {
    const seconds: number[] = [];
    for (let step = 0; step < 4; step++) seconds.push((await trainer.advance()).seconds);
    return seconds.slice(1).sort((a, b) => a - b)[1]!;
  } finally {
    trainer.dispose();
  }
}

const amount = (count: number): string =>
  count >= 1e6 ? `${(count / 1e6).toFixed(2)} M` : `${Math.round(count / 1e3)} k`;

/** A table of the trainings with their hours. */
export function planTable(trainings: readonly PlannedTraining[]): string {
  const rows = trainings.map(({ what, parameters, tokens, secondsPerStep, steps, runs }) => {
    const hours = (secondsPerStep * steps * runs) / 3600;
    return `| ${what} | ${amount(parameters)} | ${tokens} | ${secondsPerStep.toPrecision(3)} | ${steps} | ${runs} | ${hours.toFixed(2)} |`;
  });
  const total = trainings.reduce(
    (sum, { secondsPerStep, steps, runs }) => sum + (secondsPerStep * steps * runs) / 3600,
    0,
  );
  return [
    "| training | weights | tokens | seconds a step | steps | runs | hours |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    `| all | | | | | | ${total.toFixed(2)} |`,
  ].join("\n");
}
