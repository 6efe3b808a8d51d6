/** What a zod schema has against a file's JSON, for people. */
import type { z } from "zod";
import { shown } from "../base/shown.ts";

/** One line a fault: the field, what was expected of it, and what stands there. */
export const faultsOf = ({ issues }: z.ZodError, json: unknown): string[] =>
  issues.map(({ path, message }) => {
    const field = path.join(".") || "the file";
    const expected = message
      .replace(/^(Invalid (input|option)|Invalid discriminator value|Too (small|big))[:.] /, "")
      .replace(/, received .*$/, "")
      .replace(/^(E|e)xpected int\b/, "expected a whole number")
      .replace(/^Expected/, "expected");
    if (/^Unrecognized key/.test(message)) return `${field}: ${message[0]!.toLowerCase()}${message.slice(1)}`;
    return `${field}: ${expected}, got ${shown(valueAt(json, path))}`;
  });

const valueAt = (json: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
