/** Sampling of a study's teacher. */

import { HunyuanTransformer } from "../models/hunyuan/transformer.ts";
import { tokensOf } from "../models/ltx/rope.ts";
import { type HunyuanModel, hunyuanFeeds, hunyuanInputs } from "../pipelines/hunyuan.ts";
import { openPrompts } from "../pipelines/hunyuan-text.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { guidedEuler, inTurns, noiseOf, type PairVelocity, type SampleRequest } from "./guided.ts";

/** Latents [C, f, h, w] of each prompt by the teacher. */
export async function sampleTeacher(
  model: HunyuanModel,
  runtime: Runtime,
  request: SampleRequest,
): Promise<Float32Array[]> {
  const { config, weights } = model.transformer;
  const { grid, sampler } = request;
  const size = config.channels * tokensOf(grid);
  const text = openPrompts(model, runtime);
  const transformer = mount(new HunyuanTransformer(config));
  try {
    return await inTurns(request, async (captions, seeds) => {
      const shape = { batch: 2 * captions.length, grid, words: model.settings.textLength };
      const velocity = transformer.forward(hunyuanInputs(config, shape));
      const program = await runtime.compile(buildProgram({ velocity }, { keep: runtime.keeps }), { weights });
      const prompts = await text.encode([...captions.map(() => ""), ...captions]);
      const run: PairVelocity = async (latents, sigma) => {
        const sigmas = new Array<number>(shape.batch).fill(sigma);
        const feeds = hunyuanFeeds(config, shape, { latents, sigmas, prompts, guidance: 1 });
        return (await program.run(feeds))["velocity"]!.data as Float32Array;
      };
      try {
        return await guidedEuler(run, noiseOf(seeds, size, "teacher"), sampler);
      } finally {
        program.dispose();
      }
    });
  } finally {
    text.dispose();
  }
}
