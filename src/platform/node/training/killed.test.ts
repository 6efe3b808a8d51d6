/** A training whose process is killed: no handler runs, nothing is finished. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { buildCommand } from "../../../cli/testing.ts";
import { isThere } from "../files/is-there.ts";
import { saveTinyModel } from "../generate/testing.ts";
import { inFolder } from "../video/testing.ts";

const steps = 40;
const recipe = {
  kind: "fine-tune",
  name: "killed",
  seed: 5,
  world: "mini",
  from: "tiny",
  captionDropout: 0.1,
  fps: 8,
  clips: { "64x64x9": 3 },
  timesteps: { uniform: 0.2, shift: 1 },
  preview: { picture: "64x64x1", prompts: 1 },
  validation: { clips: 1, every: 7 },
  optimiser: { rate: 0.01, warmup: 0, average: 0.9, accumulate: 2 },
  // After every few steps.
  checkpointMinutes: 0.002,
  stages: [{ steps, buckets: [{ picture: "64x64x9", batch: 2 }] }],
};

test("a training that is killed in the middle goes on to the same bits", () =>
  inFolder(async (home) => {
    await saveTinyModel(join(home, "tiny"));
    await writeFile(join(home, "killed.yaml"), stringify(recipe));
    const command = await buildCommand("killed");
    const folder = (name: string) => join(home, "runs", name);
    const start = (name: string, ...flags: string[]) =>
      spawn(process.execPath, [command.main, "train", join(home, "killed.yaml"), "-o", folder(name), ...flags], {
        stdio: "ignore",
      });
    const logged = async (name: string) =>
      (await readFile(join(folder(name), "log.jsonl"), "utf8").catch(() => "")).split("\n").length - 1;
    try {
      expect(await once(start("whole"), "exit")).toEqual([0, null]);

      const child = start("parts");
      const exit = once(child, "exit");
      const isUnderWay = async () =>
        (await isThere(join(folder("parts"), "snapshot.safetensors"))) && (await logged("parts")) > 8;
      while (child.exitCode === null && !(await isUnderWay())) await sleep(5);
      child.kill("SIGKILL");
      expect(await exit).toEqual([null, "SIGKILL"]);
      expect(await logged("parts")).toBeLessThan(steps);
      expect(await once(start("parts", "--resume"), "exit")).toEqual([0, null]);

      for (const file of ["snapshot.safetensors", "model/transformer/diffusion_pytorch_model.safetensors"]) {
        const [whole, parts] = await Promise.all(["whole", "parts"].map((name) => readFile(join(folder(name), file))));
        expect(parts!.equals(whole!), file).toBe(true);
      }
      expect(await logged("parts")).toBe(steps);
    } finally {
      await command.close();
    }
  }));
