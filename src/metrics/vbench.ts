/**
 * Scores of a whole VBench run from the results of its dimensions (Huang et al. 2024, arXiv 2311.17982; constants of the
 * official `cal_final_score.py`). Where dimensions are missing, the official script counts them as 0; here the score that
 * needs them is left out.
 */
import { InputError, MediaError } from "../base/errors.ts";

interface Dimension {
  readonly group: "quality" | "semantic";
  /** A result of `least` is worth nothing, one of `most` everything; values beyond are not clamped. */
  readonly least: number;
  readonly most: number;
  readonly weight: number;
}

const quality = (least = 0, most = 1, weight = 1): Dimension => ({ group: "quality", least, most, weight });
const semantic = (least = 0, most = 1, weight = 1): Dimension => ({ group: "semantic", least, most, weight });

export const vbenchDimensions: Readonly<Record<string, Dimension>> = {
  subject_consistency: quality(0.1462),
  background_consistency: quality(0.2615),
  temporal_flickering: quality(0.6293),
  motion_smoothness: quality(0.706, 0.9975),
  dynamic_degree: quality(0, 1, 0.5),
  aesthetic_quality: quality(),
  imaging_quality: quality(),
  object_class: semantic(),
  multiple_objects: semantic(),
  human_action: semantic(),
  color: semantic(),
  spatial_relationship: semantic(),
  scene: semantic(0, 0.8222),
  appearance_style: semantic(0.0009, 0.2855),
  temporal_style: semantic(0, 0.364),
  overall_consistency: semantic(0, 0.364),
};

/** In percent; `undefined` where a dimension that it needs is missing. */
export interface VbenchScores {
  readonly quality: number | undefined;
  readonly semantic: number | undefined;
  readonly total: number | undefined;
  readonly missing: readonly string[];
}

/** Scores of results by dimension, each a fraction. */
export function vbenchScores(results: ReadonlyMap<string, number>): VbenchScores {
  const scoreOf = (group: Dimension["group"]): number | undefined => {
    let [sum, weights] = [0, 0];
    for (const [name, { group: own, least, most, weight }] of Object.entries(vbenchDimensions)) {
      if (own !== group) continue;
      const result = results.get(name);
      if (result === undefined) return undefined;
      sum += (weight * (result - least)) / (most - least);
      weights += weight;
    }
    return (100 * sum) / weights;
  };
  const [ofQuality, ofSemantic] = [scoreOf("quality"), scoreOf("semantic")];
  return {
    quality: ofQuality,
    semantic: ofSemantic,
    total: ofQuality === undefined || ofSemantic === undefined ? undefined : (4 * ofQuality + ofSemantic) / 5,
    missing: Object.keys(vbenchDimensions).filter((name) => !results.has(name)),
  };
}

/** Results of a VBench file, `{dimension: [score, details]}`; names with spaces and bare scores are taken too. */
export const parseVbench = (text: string, where: string): Map<string, number> =>
  readDimensions(text, where, (value, key) => {
    const score: unknown = Array.isArray(value) ? value[0] : value;
    if (typeof score !== "number" || !(score >= 0 && score <= 1))
      throw new InputError(`${key}: expected a score from 0 to 1, got ${JSON.stringify(score)}`, {
        where,
        hint: "VBench writes fractions; divide percentages by 100",
      });
    return score;
  });

/** What `read` makes of each dimension's value in a JSON file. @throws InputError for names that are no dimension, or there twice */
export function readDimensions<T>(
  text: string,
  where: string,
  read: (value: unknown, key: string, name: string) => T,
): Map<string, T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MediaError(`not JSON: ${(cause as Error).message}`, { where, cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new MediaError("expected an object by dimension", { where });
  const results = new Map<string, T>();
  for (const [key, value] of Object.entries(json)) {
    const name = key.trim().toLowerCase().replace(/[ -]/g, "_");
    if (!(name in vbenchDimensions))
      throw new InputError(`${JSON.stringify(key)} is no dimension of VBench`, {
        where,
        hint: `they are ${Object.keys(vbenchDimensions).join(", ")}`,
      });
    const result = read(value, key, name);
    if (results.has(name)) throw new InputError(`${name} is there twice`, { where });
    results.set(name, result);
  }
  return results;
}
