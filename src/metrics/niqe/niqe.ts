/**
 * NIQE (Mittal, Soundararajan and Bovik 2013): how far a picture's statistics lie from those of pristine pictures; lower
 * is better. Values compare only with the same pristine model and the same luma. Fitted to photographs it says
 * nothing about synthetic pictures: refit it on the data at hand.
 */
import { eigen } from "../../base/algebra.ts";
import { InputError } from "../../base/errors.ts";
import type { Frame } from "../../video/frame.ts";
import { type Luma, lumaOf, type Plane } from "../plane.ts";
import { featureCount, niqeFeatures, usualBlock } from "./features.ts";

/** Statistics of features of pristine pictures. */
export interface NiqeModel {
  /** What scores are named after: `niqe@NAME`, except with the published parameters, `niqe`. */
  readonly name: string;
  readonly isPublished?: boolean;
  readonly mean: Float64Array;
  /** [36, 36] */
  readonly covariance: Float64Array;
  readonly block: number;
  readonly luma: Luma;
}

export interface NiqeScore {
  readonly score: number;
  /** Share of exactly flat pixels. Correct programs differ by 1e-4 of the score at 0, 1 % below 0.03, and 5 % above. */
  readonly flat: number;
}

export const niqe = (frame: Frame, model: NiqeModel): NiqeScore => niqeOfPlane(lumaOf(frame, model.luma), model);

export function niqeOfPlane(picture: Plane, model: NiqeModel): NiqeScore {
  const { rows, flat } = niqeFeatures(picture, model.block);
  const { mean, covariance } = momentsOf(rows);
  const pooled = covariance.map((value, at) => (value + model.covariance[at]!) / 2);
  const distance = mean.map((value, at) => model.mean[at]! - value);
  return { score: Math.sqrt(quadratic(distance, pooled)), flat };
}

/** Column means of what is a number, and the unbiased covariance of rows that are numbers throughout. */
function momentsOf(rows: readonly (readonly number[])[]): { mean: Float64Array; covariance: Float64Array } {
  const mean = new Float64Array(featureCount);
  for (let column = 0; column < featureCount; column++) {
    const values = rows.map((row) => row[column]!).filter((value) => !Number.isNaN(value));
    mean[column] = values.reduce((sum, value) => sum + value, 0) / values.length;
  }
  const whole = rows.filter((row) => !row.some(Number.isNaN));
  if (whole.length < 2)
    throw new InputError("NIQE needs two blocks that are not flat", {
      hint: "this picture is one colour nearly everywhere",
    });
  const centre = Float64Array.from({ length: featureCount }, (_, column) => {
    return whole.reduce((sum, row) => sum + row[column]!, 0) / whole.length;
  });
  const covariance = new Float64Array(featureCount ** 2);
  for (const row of whole)
    for (let i = 0; i < featureCount; i++)
      for (let j = 0; j < featureCount; j++)
        covariance[i * featureCount + j]! += ((row[i]! - centre[i]!) * (row[j]! - centre[j]!)) / (whole.length - 1);
  return { mean, covariance };
}

/** d pinv(S) dᵀ for a symmetric S. */
function quadratic(d: Float64Array, matrix: Float64Array): number {
  const n = d.length;
  const { values, vectors } = eigen(matrix, n);
  const cut = n * Number.EPSILON * Math.abs(values[0]!);
  let sum = 0;
  for (let k = 0; k < n; k++) {
    if (Math.abs(values[k]!) <= cut) continue;
    let along = 0;
    for (let i = 0; i < n; i++) along += vectors[k * n + i]! * d[i]!;
    sum += along ** 2 / values[k]!;
  }
  return Math.max(0, sum);
}

export interface NiqeFit {
  readonly model: NiqeModel;
  /** Blocks that were kept; 360 or more make a stable model, 1000 are better. */
  readonly blocks: number;
}

/** Gathers pristine pictures into a model, one at a time. */
export class NiqeFitter {
  readonly #rows: (readonly number[])[] = [];
  readonly #options: { readonly name: string; readonly block: number; readonly luma: Luma; readonly threshold: number };

  /** @param threshold blocks are kept whose sharpness is above this share of their picture's sharpest one */
  constructor({
    name,
    block = usualBlock,
    luma = "yiq" as Luma,
    threshold = 0.75,
  }: {
    name: string;
    block?: number;
    luma?: Luma;
    threshold?: number;
  }) {
    if (block % 2) throw new InputError(`NIQE's blocks have an even side, got ${block}`);
    this.#options = { name, block, luma, threshold };
  }

  /** Takes a picture; answers how many of its blocks were kept. */
  take(frame: Frame): number {
    return this.takePlane(lumaOf(frame, this.#options.luma));
  }

  takePlane(picture: Plane): number {
    const { rows, sharpness } = niqeFeatures(picture, this.#options.block);
    const least = this.#options.threshold * Math.max(...sharpness);
    const kept = rows.filter((_, at) => sharpness[at]! > least);
    this.#rows.push(...kept);
    return kept.length;
  }

  result(): NiqeFit {
    const { name, block, luma } = this.#options;
    return { model: { name, block, luma, ...momentsOf(this.#rows) }, blocks: this.#rows.length };
  }
}
