import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gaussian } from "../../../base/philox.ts";
import { guidances } from "../../../models/ltx/two-stage-config.ts";
import { openDenoiser } from "../../../pipelines/denoiser.ts";
import { gridOf } from "../../../pipelines/latents.ts";
import { resolveRequest } from "../../../pipelines/resolve.ts";
import { synthesise } from "../../../pipelines/synthesise.ts";
import { encodeText, secondOf } from "../../../pipelines/text.ts";
import { planProgram } from "../../../runtimes/null/null.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { relativeError } from "../../../testing/relative-error.ts";
import { openOrt } from "../devices/ort.ts";
import { openModel } from "../models/open-model.ts";
import { planFor } from "./fit.ts";
import { addTinyHr, saveTinyModel } from "./testing.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "turbo2k-work-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));
const runtime = openOrt({ threads: 1 });

/** Counts the operations of everything that runs on it. */
function counting(): { runtime: Runtime; flops: () => number } {
  let flops = 0;
  const compile: Runtime["compile"] = async (program, options) => {
    const executable = await runtime.compile(program, options);
    const { flops: each } = planProgram(program);
    const run: typeof executable.run = (...args) => {
      flops += each;
      return executable.run(...args);
    };
    return { run, dispose: () => executable.dispose() };
  };
  const { name, keeps, state } = runtime;
  return { runtime: { name, keeps, state, compile }, flops: () => flops };
}

const levels = [
  { from: 0.5, scale: 3 },
  { from: 0, scale: 1 },
];

test.each([
  ...guidances.flatMap((guidance) => [{ guidance }, { guidance, levels }] as const),
  { guidance: "features", sampler: "stochastic" },
] as { guidance: (typeof guidances)[number]; levels?: typeof levels; sampler?: string }[])(
  "the planned work of two stages is the work that is done: %o",
  async ({ guidance, levels, sampler }) => {
    const folder = join(home, `${guidance}${levels ? "-levels" : ""}${sampler ?? ""}`);
    await saveTinyModel(folder);
    await addTinyHr(folder, { guidance });
    const file = join(folder, "turbo2k.json");
    const settings = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(
      file,
      JSON.stringify({ ...settings, ...(levels && { guidance: levels }), ...(sampler && { sampler }) }),
    );
    const model = await openModel(folder);
    try {
      const request = resolveRequest(
        { prompt: "a red ball", seed: 5, width: 160, height: 96, steps: 3, stages: 2 },
        model,
      );
      const counted = counting();
      const prepared = { model, runtime: counted.runtime, request };
      const { stages, execution } = planFor(prepared);
      for await (const event of synthesise(model, counted.runtime, { ...request, ...request.made }, { execution }))
        if (event.type === "frame") expect(event.frame.width).toBe(160);
      const planned = stages.reduce((sum, { flops }) => sum + flops, 0);
      // Where guidance comes and goes, what the prompt alone decides is computed again.
      expect(Math.abs(planned / counted.flops() - 1)).toBeLessThan(levels ? 1e-3 : 1e-9);
    } finally {
      await model.close();
    }
  },
);

test("features of a guided step are those of the prompt's own half, batched or in turns", async () => {
  const folder = join(home, "halves");
  await saveTinyModel(folder);
  const model = await openModel(folder);
  try {
    const grid = gridOf({ width: 96, height: 64, frames: 9 }, model.vae.config);
    const both = await encodeText(model, runtime, ["a green cone at night", "a red ball"], { holding: "widened" });
    const x = gaussian(grid.frames * grid.height * grid.width * model.transformer.config.channels, 1);
    const featuresOf = async (text: typeof both, batch: number) => {
      const guidanceScale = text === both ? 3 : 1;
      const options = { grid, fps: 8, batch, taps: [0], text, guidanceScale };
      const { denoise, features, dispose } = await openDenoiser(model, runtime, options);
      await denoise(x, 0.1);
      dispose();
      return features()[0]!.data as Float32Array;
    };
    const alone = await featuresOf(secondOf(both), 1);
    for (const batch of [2, 1]) {
      const kept = await featuresOf(both, batch);
      expect(kept).toHaveLength(alone.length);
      expect(relativeError(kept, alone)).toBeLessThan(1e-5);
    }
  } finally {
    await model.close();
  }
});
