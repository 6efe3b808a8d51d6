/** Why arms differ, if they do: what teacher and students represent at each noise level. */

import { joined } from "../../../base/joined.ts";
import { Random } from "../../../base/philox.ts";
import { studyCaption } from "../../../data/world/study.ts";
import { StudyClips } from "../../../data/world/study-source.ts";
import { linearCka } from "../../../metrics/cka.ts";
import { probe } from "../../../metrics/ridge-probe.ts";
import { featureProgram, type HunyuanModel, hunyuanFeeds, tapIndex } from "../../../pipelines/hunyuan.ts";
import { openPrompts } from "../../../pipelines/hunyuan-text.ts";
import { addNoise } from "../../../samplers/process.ts";
import { noiseOf } from "../../../study/guided.ts";
import { picturesOf } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import type { ProbeLine } from "../../../study/results.ts";
import type { TokenPlaces } from "../../../training/distill-projector.ts";
import { teacherPlaces } from "../../../training/distill-teacher.ts";
import { type Drafter, FrozenDraft } from "../../../training/hr-draft.ts";
import { planarToFrames } from "../../../video/frame.ts";
import { pooled } from "../evaluate/features.ts";
import type { Values } from "../training/job.ts";
import { studentModel, type TrainContext } from "./models.ts";
import type { Workshop } from "./workshop.ts";

/** Noise levels that are looked at. */
export const levels = [0.1, 0.3, 0.5, 0.7, 0.9];

/** True clips that no model was trained on. */
export function probeClips({ preset }: Workshop) {
  const source = new StudyClips(seeds.pool + 3, preset);
  const { small } = picturesOf(preset);
  return Array.from({ length: preset.clips }, (_, index) => {
    const scene = source.scene(index);
    const pixels = () => source.pixels(index, small);
    return { scene, pixels, caption: studyCaption(scene, new Random(seeds.pool, index), 0) };
  });
}

export type ProbeClip = ReturnType<typeof probeClips>[number];

/** States [clips, N, W] of a student's block at a noise level. */
export async function studentStates(workshop: Workshop, model: Drafter, clips: readonly ProbeClip[], block: number) {
  const { student, preset, runtime } = workshop;
  const grid = student.grid(picturesOf(preset).small);
  const draft = new FrozenDraft(model, runtime, [block]);
  const clean: Float32Array[] = [];
  for (const { pixels } of clips) clean.push(await student.encodeTokens(framesFrom(await pixels(), workshop)));
  return {
    grid,
    width: model.transformer.config.heads * model.transformer.config.headWidth,
    async at(sigma: number): Promise<Float32Array[]> {
      const out: Float32Array[] = [];
      for (const [i, { caption }] of clips.entries()) {
        const noise = noiseOf([i], clean[i]!.length, "probe");
        const noisy = addNoise(clean[i]!, noise, sigma);
        const { features } = await draft.run({ grid, noisy, sigmas: [sigma], captions: [caption] });
        out.push(features[0]!.data as Float32Array);
      }
      return out;
    },
    dispose: () => draft.dispose(),
  };
}

function framesFrom(pixels: Float32Array, { preset }: Workshop) {
  const { width, height, frames } = picturesOf(preset).small;
  return planarToFrames(pixels, frames, height, width);
}

/** States [clips, N, W] of a teacher's block at a noise level. */
async function teacherStates(workshop: Workshop, model: HunyuanModel, clips: readonly ProbeClip[], block: number) {
  const { teacher, preset, runtime } = workshop;
  const grid = teacher.grid(picturesOf(preset).small);
  const shape = { batch: 1, grid, words: preset.words };
  const { weights } = model.transformer;
  const program = await runtime.compile(featureProgram(model, shape, [block], runtime.keeps), { weights });
  const prompts = openPrompts(model, runtime);
  const clean: Float32Array[] = [];
  for (const { pixels } of clips) clean.push(await teacher.encode(framesFrom(await pixels(), workshop)));
  const { config } = model.transformer;
  return {
    places: teacherPlaces(model, { grid }),
    width: config.heads * config.headWidth,
    async at(sigma: number): Promise<Float32Array[]> {
      const out: Float32Array[] = [];
      for (const [i, { caption }] of clips.entries()) {
        const latents = addNoise(clean[i]!, noiseOf([i], clean[i]!.length, "teacher probe"), sigma);
        const call = { latents, sigmas: [sigma], prompts: await prompts.encode([caption]), guidance: 1 };
        out.push((await program.run(hunyuanFeeds(config, shape, call)))["feature0"]!.data as Float32Array);
      }
      return out;
    },
    dispose() {
      program.dispose();
      prompts.dispose();
    },
  };
}

/** Blocks that are compared: those of the paper's reading, and those of arms with a `middle`. */
const depths = [
  { of: "cka", about: "last blocks" },
  { of: "cka-middle", about: "blocks halfway" },
] as const;

/**
 * CKA of the teacher and of each student over both noise levels; attributes in the teacher over its level.
 * @param students by arm; opened only where a probe of theirs is wanted
 */
export async function probeDistillation(
  { workshop }: TrainContext,
  teacher: HunyuanModel,
  students: Readonly<Record<string, () => Promise<Values>>>,
  isWanted: (probe: string) => boolean,
): Promise<ProbeLine[]> {
  const clips = probeClips(workshop);
  const lines: ProbeLine[] = [];
  for (const { of, about } of depths) {
    const blocks = of === "cka" ? { student: -1, teacher: -1 } : workshop.preset.middle;
    const arms = Object.keys(students).filter((arm) => isWanted(`${of}-${arm}`));
    const attributesToo = of === "cka" && isWanted("teacher-attributes");
    if (!arms.length && !attributesToo) continue;
    const seen = await teacherStates(workshop, teacher, clips, blocks.teacher);
    const ofTeacher: Float32Array[][] = [];
    for (const sigma of levels) ofTeacher.push(await seen.at(sigma));
    seen.dispose();
    for (const arm of arms) {
      const rows = await alignment(workshop, await students[arm]!(), clips, blocks.student, { ...seen, ofTeacher });
      lines.push({
        kind: "probe",
        probe: `${of}-${arm}`,
        about: `linear CKA of ${about}: rows by the teacher's t, columns by the student's`,
        columns: levels.map(String),
        rows,
      });
    }
    if (attributesToo) lines.push(attributes(clips, ofTeacher, seen.width));
  }
  return lines;
}

interface TeacherSeen {
  readonly places: TokenPlaces;
  readonly width: number;
  /** By noise level, then clip. */
  readonly ofTeacher: readonly (readonly Float32Array[])[];
}

/** Rows of CKA by the teacher's noise level, which comes first, with columns by the student's. */
async function alignment(
  workshop: Workshop,
  values: Values,
  clips: readonly ProbeClip[],
  block: number,
  { places, width, ofTeacher }: TeacherSeen,
): Promise<number[][]> {
  const model = studentModel(workshop, values);
  const states = await studentStates(
    workshop,
    model,
    clips,
    tapIndex(block, model.transformer.config.layers, "student"),
  );
  const to = { grid: states.grid, span: workshop.student.codec.compression };
  const mine: Float32Array[] = [];
  for (const sigma of levels) mine.push(joined(await states.at(sigma)));
  states.dispose();
  return ofTeacher.map((all, row) => {
    const theirs = { width, data: joined(all.map((one) => pooled(one, width, places, to))) };
    return [levels[row]!, ...mine.map((data) => linearCka(theirs, { width: states.width, data }))];
  });
}

const asked = {
  shape: ["circle", "square", "triangle", "cross"],
  fill: ["plain", "horizontal stripes", "vertical stripes", "checks", "dots"],
  motion: ["still", "left", "right", "up", "down", "clockwise"],
} as const;

/** How well a linear map of a clip's mean state tells an attribute of its first figure, over the noise level. */
function attributes(clips: readonly ProbeClip[], states: readonly Float32Array[][], width: number): ProbeLine {
  const names = Object.keys(asked) as (keyof typeof asked)[];
  const half = clips.length >> 1;
  const rows = states.map((all, level) => {
    const data = joined(all.map((one) => meanState(one, width)));
    const accuracies = names.map((name) => {
      const labels = clips.map(({ scene }) => (asked[name] as readonly string[]).indexOf(scene.figures[0]![name]));
      return probe({ width, data }, labels, half).accuracy;
    });
    return [levels[level]!, ...accuracies];
  });
  const about = `balanced accuracy of a ridge probe on the teacher's mean state, ${half} clips fitted, ${clips.length - half} judged`;
  return { kind: "probe", probe: "teacher-attributes", about, columns: names, rows };
}

function meanState(states: Float32Array, width: number): Float32Array {
  const out = new Float32Array(width);
  const tokens = states.length / width;
  for (const [i, value] of states.entries()) out[i % width]! += value / tokens;
  return out;
}
