/** Why arms differ, if they do: what teacher and students represent at each noise level. */

import { joined } from "../../../base/joined.ts";
import { Random } from "../../../base/philox.ts";
import { studyCaption } from "../../../data/world/study.ts";
import { renderStudy } from "../../../data/world/study-render.ts";
import { StudyClips } from "../../../data/world/study-source.ts";
import { linearCka } from "../../../metrics/cka.ts";
import { probe } from "../../../metrics/ridge-probe.ts";
import { tokensOf } from "../../../models/ltx/rope.ts";
import { proportionalTaps } from "../../../models/ltx/two-stage-config.ts";
import { featureProgram, type HunyuanModel, hunyuanFeeds } from "../../../pipelines/hunyuan.ts";
import { openPrompts } from "../../../pipelines/hunyuan-text.ts";
import { wordsOf } from "../../../pipelines/words.ts";
import { addNoise } from "../../../samplers/process.ts";
import { noiseOf } from "../../../study/guided.ts";
import { picturesOf } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import type { ProbeLine } from "../../../study/results.ts";
import { teacherPlaces } from "../../../training/distill-teacher.ts";
import { type Drafter, FrozenDraft } from "../../../training/hr-draft.ts";
import { planarToFrames } from "../../../video/frame.ts";
import { pooled } from "../evaluate/features.ts";
import type { Values } from "../training/job.ts";
import { studentModel, type TrainContext } from "./models.ts";
import type { Workshop } from "./workshop.ts";

const levels = [0.1, 0.3, 0.5, 0.7, 0.9];

/** True clips that no model was trained on. */
function probeClips({ preset }: Workshop) {
  const source = new StudyClips(seeds.pool + 3, preset);
  const { small } = picturesOf(preset);
  return Array.from({ length: preset.clips }, (_, index) => {
    const scene = source.scene(index);
    const pixels = () => source.pixels(index, small);
    return { scene, pixels, caption: studyCaption(scene, new Random(seeds.pool, index), 0) };
  });
}

type ProbeClip = ReturnType<typeof probeClips>[number];

/** Last-block states [clips, N, W] of a student at a noise level. */
async function studentStates(workshop: Workshop, model: Drafter, clips: readonly ProbeClip[], block: number) {
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
        const said = wordsOf([caption], preset.words, workshop.tokenizer);
        const { features } = await draft.run({
          grid,
          noisy: addNoise(clean[i]!, noise, sigma),
          sigmas: [sigma],
          ...said,
        });
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

async function teacherStates(workshop: Workshop, model: HunyuanModel, clips: readonly ProbeClip[]) {
  const { teacher, preset, runtime } = workshop;
  const grid = teacher.grid(picturesOf(preset).small);
  const shape = { batch: 1, grid, words: preset.words };
  const { weights } = model.transformer;
  const program = await runtime.compile(featureProgram(model, shape, [-1], runtime.keeps), { weights });
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

/** CKA of teacher and student over both noise levels, before and after distillation; attributes in the teacher over its level. */
export async function probeDistillation(
  { workshop }: TrainContext,
  teacher: HunyuanModel,
  base: Values,
  distilled: Values,
  isWanted: (probe: string) => boolean,
): Promise<ProbeLine[]> {
  const names = ["cka-A0", "cka-A3", "teacher-attributes"].filter(isWanted);
  if (!names.length) return [];
  const clips = probeClips(workshop);
  const seen = await teacherStates(workshop, teacher, clips);
  const students = new Map([
    ["cka-A0", base],
    ["cka-A3", distilled],
  ]);
  const lines: ProbeLine[] = [];
  const ofTeacher: Float32Array[][] = [];
  for (const sigma of levels) ofTeacher.push(await seen.at(sigma));
  for (const [name, values] of students) {
    if (!names.includes(name)) continue;
    const model = studentModel(workshop, values);
    const last = model.transformer.config.layers - 1;
    const states = await studentStates(workshop, model, clips, last);
    const to = { grid: states.grid, span: workshop.student.codec.compression };
    const mine: Float32Array[] = [];
    for (const sigma of levels) mine.push(joined(await states.at(sigma)));
    const theirs = ofTeacher.map((all) => joined(all.map((one) => pooled(one, seen.width, seen.places, to))));
    const rows = theirs.map((data) =>
      mine.map((own) => linearCka({ width: seen.width, data }, { width: states.width, data: own })),
    );
    states.dispose();
    const about = "linear CKA of last blocks: rows by the teacher's t, columns by the student's";
    lines.push({
      kind: "probe",
      probe: name,
      about,
      columns: levels.map(String),
      rows: rows.map((row, i) => [levels[i]!, ...row]),
    });
  }
  if (names.includes("teacher-attributes")) lines.push(attributes(clips, ofTeacher, seen.width));
  seen.dispose();
  return lines;
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

/** Where figures are, token by token, in the features that the drafting model hands over, over the noise level. */
export async function probeDrafts(
  { workshop }: TrainContext,
  draft: Drafter,
  isWanted: (probe: string) => boolean,
): Promise<ProbeLine[]> {
  if (!isWanted("draft-layout")) return [];
  const clips = probeClips(workshop);
  const taps = proportionalTaps(draft.transformer.config.layers);
  const labels = clips.flatMap(({ scene }) => layout(workshop, scene));
  const rows: number[][] = levels.map((level) => [level]);
  for (const tap of taps) {
    const states = await studentStates(workshop, draft, clips, tap);
    const fitted = (clips.length >> 1) * tokensOf(states.grid);
    for (const [level, sigma] of levels.entries()) {
      const data = joined(await states.at(sigma));
      rows[level]!.push(probe({ width: states.width, data }, labels, fitted).accuracy);
    }
    states.dispose();
  }
  const about = "balanced accuracy of a ridge probe for whether a token shows a figure, by tapped block; 0.5 is chance";
  return [{ kind: "probe", probe: "draft-layout", about, columns: taps.map((tap) => `block ${tap}`), rows }];
}

/** 1 for tokens of which at least a quarter shows a figure in some frame. */
function layout({ preset, student }: Workshop, scene: ProbeClip["scene"]): number[] {
  const picture = picturesOf(preset).small;
  const grid = student.grid(picture);
  const [t, h, w] = student.codec.compression;
  const { masks } = renderStudy(scene, picture);
  const counts = new Float64Array(tokensOf(grid));
  for (const [f, mask] of masks.entries()) {
    const frame = Math.ceil(f / t);
    const share = 1 / (h * w * (frame === 0 ? 1 : t));
    for (const [at, figure] of mask.entries()) {
      const [y, x] = [Math.floor(at / picture.width / h), Math.floor((at % picture.width) / w)];
      if (figure) counts[(frame * grid.height + y) * grid.width + x]! += share;
    }
  }
  return Array.from(counts, (share) => Number(share >= 0.25));
}
