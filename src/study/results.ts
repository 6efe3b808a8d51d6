/** A study's results, a line of JSON each, in the order in which they were found. */
import { InputError } from "../base/errors.ts";
import type { Table } from "../metrics/contrast.ts";
import type { Figures } from "./measure.ts";

export interface PromptRow {
  /** Number in the study's list of test prompts. */
  readonly prompt: number;
  readonly heldOut: boolean;
  /** Means over the samples of this prompt. */
  readonly figures: Figures;
}

/** An arm with one training seed. */
export interface ArmLine {
  readonly kind: "arm";
  readonly arm: string;
  readonly seed: number;
  readonly steps: number;
  /** Of training; a teacher's time for its features included. */
  readonly seconds: number;
  readonly loss: number | null;
  readonly rows: readonly PromptRow[];
  /** Kernel distance of all clips to true ones, random features. */
  readonly kid: number;
}

export interface GateLine {
  readonly kind: "gate";
  readonly gate: string;
  readonly passed: boolean;
  /** What was asked and what was found. */
  readonly asked: string;
  readonly found: string;
}

export interface TrainingLine {
  readonly kind: "training";
  readonly what: string;
  readonly steps: number;
  readonly seconds: number;
  /** Features are computed, not trained. */
  readonly loss: number | null;
}

/** λ of an arm on validation prompts, with the tuning seed. */
export interface TuningLine {
  readonly kind: "tuning";
  readonly arm: string;
  readonly weight: number;
  readonly mean: number;
}

/** Fig. 3: a model at a size, in one stage or in two. */
export interface SizeLine {
  readonly kind: "size";
  readonly how: "direct" | "two stages";
  readonly size: number;
  readonly rows: readonly PromptRow[];
  readonly secondsPerClip: number;
}

export interface ProbeLine {
  readonly kind: "probe";
  readonly probe: string;
  readonly about: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly number[])[];
}

export type ResultLine = ArmLine | GateLine | TrainingLine | TuningLine | SizeLine | ProbeLine;

export const linesOf = <K extends ResultLine["kind"]>(lines: readonly ResultLine[], kind: K) =>
  lines.filter((line): line is Extract<ResultLine, { kind: K }> => line.kind === kind);

/** What a line is the result of: a second line of the same name is not needed. */
export function nameOf(line: ResultLine): string {
  switch (line.kind) {
    case "arm":
      return `arm ${line.arm} ${line.seed}`;
    case "gate":
      return `gate ${line.gate}`;
    case "training":
      return `training ${line.what}`;
    case "tuning":
      return `tuning ${line.arm} ${line.weight}`;
    case "size":
      return `size ${line.how} ${line.size}`;
    case "probe":
      return `probe ${line.probe}`;
  }
}

/** A figure of an arm by seed and prompt, for the seeds that are asked for, where every seed has it. */
export function tableOf(lines: readonly ResultLine[], arm: string, figure: string, seeds: readonly number[]): Table {
  const found = seeds.map((seed) => linesOf(lines, "arm").find((line) => line.arm === arm && line.seed === seed));
  return found.map((line, at) => {
    if (!line) throw new InputError(`${arm} has no result for seed ${seeds[at]}`);
    return line.rows.flatMap(({ figures }) => figures[figure] ?? []);
  });
}

/** Seeds that all of the arms have. */
export function seedsOf(lines: readonly ResultLine[], arms: readonly string[]): number[] {
  const of = (arm: string) => linesOf(lines, "arm").flatMap((line) => (line.arm === arm ? line.seed : []));
  const [first = [], ...rest] = arms.map(of);
  return first.filter((seed) => rest.every((seeds) => seeds.includes(seed))).sort((a, b) => a - b);
}

export const meanFigure = (rows: readonly PromptRow[], figure: string): number => {
  const values = rows.flatMap(({ figures }) => figures[figure] ?? []);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
};
