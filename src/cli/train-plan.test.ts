import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../platform/node/generate/package-root.ts";
import { inFolder } from "../platform/node/video/testing.ts";
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

test("recipes that start from nothing are planned, on the autoencoder that the recipe beside them makes", async () => {
  // In a folder of their own: whoever trained mini here has its autoencoder.
  const { code, out, err } = await inFolder(async (folder) => {
    await cp(join(packageRoot, "recipes"), join(folder, "recipes"), { recursive: true });
    const names = ["mini-vae.yaml", "mini.yaml", "mini-teacher.yaml"];
    return run(["train", ...names.map((name) => join(folder, "recipes", name)), "--plan"]);
  });
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringContaining("planned for what mini-decoder-settle.yaml makes"),
  });
  expect(out).toMatch(/mini-vae\.yaml: 10\.41 M parameters/);
  expect(out).toMatch(/mini\.yaml: 4\.30 M parameters, 4\.30 M trained/);
  expect(out).toMatch(/ {2}latents 512x288x49 /);
  expect(out).toMatch(/ {2}step 512x288x49 2 /);
  expect(out).toMatch(/mini-teacher\.yaml: 7\.\d+ M parameters/);
});

test("a recipe that starts from nothing has no --dry-run", async () => {
  expect(await run(["train", recipe("mini-vae.yaml"), "--dry-run"])).toMatchObject({
    code: 4,
    err: expect.stringContaining("have no dry run"),
  });
});
