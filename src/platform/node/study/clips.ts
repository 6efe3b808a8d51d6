/** Clips of a study's models for its prompts, and the lines that they become. */

import type { HrConfig } from "../../../models/ltx/two-stage-config.ts";
import { picturesOf } from "../../../study/preset.ts";
import type { ArmLine, PromptRow, ResultLine } from "../../../study/results.ts";
import { sampleHr, sampleStudent } from "../../../study/sample.ts";
import type { Drafter } from "../../../training/hr-draft.ts";
import type { Frame } from "../../../video/frame.ts";
import { inMemory, type Values } from "../training/job.ts";
import { type Asked, type Distances, measureLargeClips, measureSmallClips } from "./evaluate.ts";
import { hrConfig, type TrainContext } from "./models.ts";
import type { ResultsFile } from "./results-file.ts";
import { keepSamples } from "./sheets.ts";
import type { Trained } from "./train-arm.ts";

/** A study at work. */
export interface Study extends TrainContext {
  /** Whose arms run here. */
  readonly seeds: readonly number[];
  /** Those that run here; all, and what is no arm, where undefined. */
  readonly arms: readonly string[] | undefined;
  readonly results: ResultsFile;
  /** A result of this name: found before, or made and kept now. */
  readonly once: <L extends ResultLine>(name: string, make: () => Promise<L>) => Promise<L>;
  readonly distances: Distances;
  /** All samples of all test prompts. */
  readonly asked: readonly Asked[];
}

/** Whether an arm runs here. */
export const isAsked = ({ arms }: Study, arm: string): boolean => !arms || arms.includes(arm);

export const said = (asked: readonly Asked[]) => ({
  captions: asked.map(({ prompt }) => prompt),
  seeds: asked.map(({ seed }) => seed),
});

/** By a low-resolution model, at its size or another. */
export async function smallClips({ workshop }: Study, model: Drafter, asked: readonly Asked[], side?: number) {
  const { student, preset, runtime } = workshop;
  const { small } = picturesOf(preset);
  const grid = student.grid(side ? { ...small, width: side, height: side } : small);
  const latents = await sampleStudent(model, runtime, { ...said(asked), grid, sampler: preset.sampler });
  const frames: Frame[][] = [];
  for (const tokens of latents) frames.push(await student.decodeTokens(tokens, grid));
  return { latents, frames };
}

export interface LargeRequest {
  readonly guidance: HrConfig["guidance"];
  readonly values: Values;
  /** Low-resolution latents [n, C] of each sample. */
  readonly drafts: readonly Float32Array[];
}

/** By a high-resolution model. */
export async function largeClips(
  { workshop, asked }: Study,
  model: Drafter,
  request: LargeRequest,
): Promise<Frame[][]> {
  const { student, preset, runtime } = workshop;
  const pictures = picturesOf(preset);
  const [small, grid] = [student.grid(pictures.small), student.grid(pictures.large)];
  const latents = await sampleHr(model, runtime, {
    ...said(asked),
    grid,
    small,
    drafts: request.drafts,
    sampler: preset.sampler,
    config: hrConfig(model, request.guidance),
    weights: inMemory(request.values),
  });
  const frames: Frame[][] = [];
  for (const tokens of latents) frames.push(await student.decodeTokens(tokens, grid));
  return frames;
}

export interface ArmClips {
  readonly arm: string;
  readonly seed: number;
  readonly trained: Omit<Trained, "values"> | undefined;
  readonly frames: readonly Frame[][];
}

export const smallLine = (study: Study, clips: ArmClips): Promise<ArmLine> =>
  lineOf(study, clips, "small", measureSmallClips(study.asked, clips.frames, study.workshop.preset.detail));

/** @param drafts the decoded drafts */
export const largeLine = (study: Study, clips: ArmClips, drafts: readonly Frame[][]): Promise<ArmLine> =>
  lineOf(study, clips, "large", measureLargeClips(study.asked, clips.frames, drafts, study.workshop.preset.detail));

async function lineOf(
  { workshop, folder, distances }: Study,
  { arm, seed, trained, frames }: ArmClips,
  size: "small" | "large",
  rows: PromptRow[],
): Promise<ArmLine> {
  if (seed === workshop.preset.seeds[0]) await keepSamples(folder, arm, frames);
  const kid = await distances.to(size, frames);
  const { steps = 0, seconds = 0, loss = null } = trained ?? {};
  return { kind: "arm", arm, seed, steps, seconds, loss, rows, kid };
}
