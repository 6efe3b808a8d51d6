import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../platform/node/generate/package-root.ts";
import { run } from "./testing.ts";

const recipe = (name: string) => join(packageRoot, "recipes", name);

test("a plan is printed whole before a run that does not fit is refused", { timeout: 180_000 }, async () => {
  const { code, out, err } = await run(["train", recipe("paper/ltx-2k.yaml"), "--plan"]);
  expect(code).toBe(5);
  expect(out).toMatch(/2142 M parameters, 2142 M trained; 25\.7 GB of weights, moments and sums/);
  expect(out).toMatch(/step 2560x1440x121 whole 1 .* days .* GB {3}8000 x 3\.9\de\+3 TFLOP/);
  expect(err).toContain("planned for LTX-Video 2B");
  expect(err).toMatch(/this training needs about [\d.]+ GB of memory, [\d.]+ GB are free/);
});

test.each([
  ["--plan", "are not planned"],
  ["--dry-run", "have no dry run"],
])("a recipe that starts from nothing has no %s", async (flag, message) => {
  expect(await run(["train", recipe("mini-vae.yaml"), flag])).toMatchObject({
    code: 4,
    err: expect.stringContaining(message),
  });
});
