import { CheckpointError } from "./errors.ts";

/**
 * Refuses published settings that a model class does not vary: read past, they would give wrong numbers. Absent ones and
 * nulls have the value expected.
 */
export function checkFixed(
  what: string,
  json: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
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
