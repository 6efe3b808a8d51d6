import type { StudyWorld } from "../data/world/study.ts";

/** Sizes of a study: models, data, training, and how many samples and seeds its figures rest on. */

export interface StudyPreset extends StudyWorld {
  readonly name: string;
  readonly about: string;
  readonly frames: number;
  readonly fps: number;
  /** Blocks of the linear autoencoders (frames, rows, columns), their channels, and the clips that they are fitted to. */
  readonly studentCodec: CodecSize;
  readonly teacherCodec: CodecSize;
  readonly student: {
    readonly transformer: { readonly layers: number; readonly heads: number; readonly headWidth: number };
    readonly text: { readonly layers: number; readonly width: number; readonly heads: number; readonly inner: number };
  };
  readonly teacher: {
    readonly doubleBlocks: number;
    readonly singleBlocks: number;
    readonly heads: number;
    readonly ropeAxes: readonly [number, number, number];
    readonly text: TeacherText;
    readonly pooled: TextSize;
  };
  /** Blocks about halfway, for arms that compare those. */
  readonly middle: { readonly student: number; readonly teacher: number };
  /** Most words of a caption, the end included. */
  readonly words: number;
  /** Clips that all arms draw from, and draws (noise, level, wording) of each in distillation. */
  readonly pool: number;
  readonly draws: number;
  readonly steps: { readonly teacher: number; readonly base: number; readonly arm: number; readonly hr: number };
  readonly batch: number;
  /** Highest learning rate of the teacher, and of all trainings of students. */
  readonly rates: { readonly teacher: number; readonly student: number };
  /** Of all trainings; recipes' `channelPower`. */
  readonly channelPower?: number;
  /** λ of Eq. 4 to choose from, for A2 and A3 each, on validation prompts with a seed that is not reported. */
  readonly weights: readonly number[];
  readonly seeds: readonly number[];
  /** Of the 120 test prompts, and samples of each. */
  readonly prompts: number;
  readonly samples: number;
  readonly sampler: { readonly steps: number; readonly shift: number; readonly scale: number };
  /** Clips that gates and probes look at. */
  readonly clips: number;
  /** Gates that stop the study; the others are measured and reported. */
  readonly stopping: readonly string[];
}

interface CodecSize {
  readonly cell: readonly [number, number, number];
  readonly channels: number;
  readonly clips: number;
}

interface TextSize {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly inner: number;
}

interface TeacherText extends TextSize {
  readonly keyHeads: number;
}

const thin = { layers: 1, width: 16, heads: 2, inner: 32 };

/** Seconds: the plumbing, the detectors and determinism. What it measures means nothing. */
const tiny: StudyPreset = {
  name: "tiny",
  about: "plumbing, detectors and determinism only; its figures mean nothing",
  detail: 64,
  scenes: "all",
  frames: 9,
  fps: 8,
  studentCodec: { cell: [4, 8, 8], channels: 8, clips: 3 },
  teacherCodec: { cell: [2, 4, 4], channels: 4, clips: 3 },
  student: { transformer: { layers: 2, heads: 2, headWidth: 16 }, text: thin },
  teacher: {
    doubleBlocks: 1,
    singleBlocks: 1,
    heads: 2,
    ropeAxes: [4, 6, 6],
    text: { ...thin, keyHeads: 1 },
    pooled: thin,
  },
  middle: { student: 0, teacher: 0 },
  words: 32,
  pool: 6,
  draws: 1,
  steps: { teacher: 2, base: 2, arm: 2, hr: 2 },
  batch: 2,
  rates: { teacher: 1e-3, student: 1e-3 },
  weights: [0.5],
  seeds: [1, 2],
  prompts: 4,
  samples: 1,
  sampler: { steps: 2, shift: 1, scale: 2 },
  clips: 8,
  stopping: ["G6"],
};

const text = { layers: 1, width: 96, heads: 4, inner: 192 };

/**
 * Large figures of few kinds, so that detectors read all of them at 32 rows and models of three million weights learn them
 * (docs/study/plan.md). Blocks have 8 x 8 x 4: a linear autoencoder of 16 x 16 x 4 loses too much of what clips show. Students are
 * wider than their tokens have channels, or they could not hand the noise on.
 */
const full: StudyPreset = {
  name: "full",
  about: "eight seeds, the smallest number that can survive Holm's adjustment over four contrasts",
  detail: 64,
  scenes: "close",
  frames: 9,
  fps: 8,
  studentCodec: { cell: [4, 8, 8], channels: 128, clips: 100 },
  teacherCodec: { cell: [2, 4, 4], channels: 32, clips: 100 },
  student: { transformer: { layers: 4, heads: 6, headWidth: 32 }, text },
  teacher: {
    doubleBlocks: 2,
    singleBlocks: 4,
    heads: 6,
    ropeAxes: [8, 12, 12],
    text: { ...text, keyHeads: 2 },
    pooled: text,
  },
  middle: { student: 1, teacher: 3 },
  words: 32,
  pool: 10_000,
  draws: 2,
  steps: { teacher: 16_000, base: 6000, arm: 4000, hr: 2000 },
  batch: 16,
  rates: { teacher: 3e-3, student: 3e-3 },
  channelPower: 0.5,
  weights: [0.1, 0.5, 1, 2],
  seeds: [1, 2, 3, 4, 5, 6, 7, 8],
  prompts: 120,
  samples: 8,
  sampler: { steps: 12, shift: 3, scale: 1.5 },
  clips: 120,
  stopping: ["G1", "G2", "G3", "G4", "G5", "G6"],
};

/** What two cores do in a few hours; too few seeds for the sign-flip test. */
const pilot: StudyPreset = {
  ...full,
  name: "pilot",
  about: "four seeds and short trainings: directions and their spread, no significance",
  pool: 4000,
  draws: 1,
  steps: { teacher: 5000, base: 2500, arm: 1200, hr: 400 },
  weights: [0.5],
  seeds: [1, 2, 3, 4],
  samples: 2,
  stopping: ["G1", "G2", "G3", "G5", "G6"],
};

export const studyPresets = { tiny, pilot, full } as const satisfies Record<string, StudyPreset>;
export type StudyPresetName = keyof typeof studyPresets;

/** The two sizes of a study's clips. */
export const picturesOf = ({ detail, frames }: StudyPreset) => ({
  small: { width: detail / 2, height: detail / 2, frames },
  large: { width: detail, height: detail, frames },
});
