/** Settings as published models state them in `config.json`. */
import { CheckpointError } from "./errors.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Refuses settings that a model class does not vary: read past, they would give wrong numbers. Absent ones and nulls
 * have the value expected.
 */
export function checkFixed(
  what: string,
  json: Json,
  expected: Json,
  hint = "models that differ in this cannot be computed here",
): void {
  for (const [name, value] of Object.entries(expected))
    if (JSON.stringify(json[name] ?? value) !== JSON.stringify(value))
      throw new CheckpointError(
        `${what}: ${name} is ${JSON.stringify(json[name])}, expected ${JSON.stringify(value)}`,
        {
          hint,
        },
      );
}

/** Far more than any published model counts of anything, and few enough to build. */
const most = 2 ** 20;

/** A reader of counts; absent ones and nulls have the fallback. @throws CheckpointError for what counts nothing */
export const countsOf =
  (what: string, json: Json) =>
  (name: string, fallback: number, least = 1): number => {
    const value = json[name] ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new CheckpointError(
      `${what}: ${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(value)}`,
      {
        hint: "the file is damaged or belongs to another model",
      },
    );
  };

/** A reader of lists; absent ones and nulls are the fallback. @throws CheckpointError for what is no list */
export const listsOf =
  (what: string, json: Json) =>
  <T>(name: string, fallback: readonly T[]): readonly T[] => {
    const value = json[name] ?? fallback;
    if (Array.isArray(value)) return value as readonly T[];
    throw new CheckpointError(`${what}: ${name} must be a list, got ${JSON.stringify(value)}`, {
      hint: "the file is damaged or belongs to another model",
    });
  };
