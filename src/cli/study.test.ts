import { expect, test } from "vitest";
import { run } from "./testing.ts";

test("a report of no study, and a preset that there is not, are mistakes of usage", async () => {
  const nowhere = await run(["study", "report", "/no/such/study"]);
  expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining("turbo2k study run")]);
  const unknown = await run(["study", "plan", "--preset", "huge"]);
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain("pilot");
});
