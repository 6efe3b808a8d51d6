/** What is measured of a sampled clip, as numbers by name; shares are of what the prompt asks for. */

import type { StudyScene } from "../data/world/study.ts";
import { judgeStudy, type StudyAttribute } from "../data/world/study-detect.ts";
import { studyFrames } from "../data/world/study-source.ts";
import { novelBand, Spectrum } from "../metrics/detail.ts";
import { AgreementMeter } from "../metrics/paired.ts";
import { lumaOf } from "../metrics/plane.ts";
import type { Frame } from "../video/frame.ts";

type Marks = Partial<Record<StudyAttribute, boolean>>;
export type Figures = Readonly<Record<string, number>>;

/** Attributes that a picture of half the size shows as well. */
const structure = ["count", "shape", "colour", "size", "motion", "speed", "place"] as const;

const shareOf = (marks: readonly (boolean | undefined)[]): number | undefined => {
  const asked = marks.filter((mark) => mark !== undefined);
  return asked.length ? asked.filter(Boolean).length / asked.length : undefined;
};

const isFine = ({ figures }: StudyScene): boolean => figures.some(({ grain }) => grain === "fine");
const isFilled = ({ figures }: StudyScene): boolean => figures.some(({ fill }) => fill !== "plain");

/** Marks of a clip at half the size, without the fills that half the size cannot show. */
export function visibleMarks(scene: StudyScene, marks: Marks): Marks {
  if (!isFine(scene)) return marks;
  const { fill: _, grain: __, ...rest } = marks;
  return rest;
}

/** Fill and its grain, under the name of what they ask for: structure that is coarse, or detail. */
function fillFigures(scene: StudyScene, { fill, grain }: Marks): Figures {
  const right = Number(Boolean(fill) && Boolean(grain));
  if (isFine(scene)) return { fine: right };
  return isFilled(scene) ? { coarse: right } : {};
}

const known = (figures: Record<string, number | undefined>): Figures =>
  Object.fromEntries(Object.entries(figures).filter((entry): entry is [string, number] => entry[1] !== undefined));

/** Every attribute's mark, the mean of marks and whether all are right. */
function accuracy(scene: StudyScene, marks: Marks): Figures {
  const all = Object.entries(marks);
  const each = all.map(([name, right]) => [`is_${name}`, right === undefined ? undefined : Number(right)] as const);
  return known({
    ...Object.fromEntries(each),
    mean: shareOf(all.map(([, right]) => right)),
    joint: Number(all.every(([, right]) => right !== false)),
    structure: shareOf(structure.map((name) => marks[name])),
    ...fillFigures(scene, marks),
  });
}

/** A low-resolution clip. `detail` is the height at which fine fills have 3 pixels. */
export function measureSmall(scene: StudyScene, frames: readonly Frame[], detail: number): Figures {
  return accuracy(scene, visibleMarks(scene, judgeStudy(scene, frames, detail)));
}

const bandOf = (frames: readonly Frame[]): number => {
  const spectrum = Spectrum.fitting(frames[0]!);
  for (const frame of frames) spectrum.take(lumaOf(frame));
  return spectrum.rms(novelBand(1, 2));
};

/**
 * A high-resolution clip: accuracy; |ln r|, how far the energy above the band of the low resolution is from that of the true
 * clip; agreement with the decoded draft; and what of the draft's structure it inherits (`kept`: right where the draft is
 * right, `mended`: right where it is wrong).
 */
export function measureLarge(
  scene: StudyScene,
  frames: readonly Frame[],
  draft: readonly Frame[],
  detail: number,
): Figures {
  const { width, height } = frames[0]!;
  const marks = judgeStudy(scene, frames, detail);
  const truth = studyFrames(scene, { width, height, frames: frames.length }, detail);
  const meter = new AgreementMeter();
  for (const [i, frame] of frames.entries()) meter.take(frame, draft[i]!);
  const low = judgeStudy(scene, draft, detail);
  const pairs = structure.filter((name) => marks[name] !== undefined);
  return {
    ...accuracy(scene, marks),
    detail: Math.abs(Math.log(Math.max(1e-3, bandOf(frames)) / Math.max(1e-3, bandOf(truth)))),
    ...meter.figures(),
    ...known({
      kept: shareOf(pairs.filter((name) => low[name]).map((name) => marks[name])),
      mended: shareOf(pairs.filter((name) => !low[name]).map((name) => marks[name])),
    }),
  };
}

/** Means of every figure over samples of one prompt. */
export function meanFigures(samples: readonly Figures[]): Figures {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)));
  return Object.fromEntries(
    [...names].map((name) => {
      const values = samples.flatMap((sample) => sample[name] ?? []);
      return [name, values.reduce((sum, value) => sum + value, 0) / values.length];
    }),
  );
}
