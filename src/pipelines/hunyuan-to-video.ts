/** Text to video with a teacher: for previews and for judging it. */
import { gaussian } from "../base/philox.ts";
import { tokenGrid, tokensOf } from "../models/hunyuan/rope.ts";
import { HunyuanTransformer } from "../models/hunyuan/transformer.ts";
import { combine, guidanceAt, isGuided } from "../samplers/guidance.ts";
import { denoised } from "../samplers/process.ts";
import { sample } from "../samplers/sampler.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import type { Frame } from "../video/frame.ts";
import { CodecRunner } from "./codec-runner.ts";
import { type HunyuanModel, hunyuanFeeds, hunyuanInputs, latentGrid } from "./hunyuan.ts";
import { openPrompts } from "./hunyuan-text.ts";
import type { VideoSize } from "./latents.ts";
import { guidanceOf, sigmasOf } from "./model.ts";

export interface HunyuanRequest extends VideoSize {
  readonly prompt: string;
  readonly seed: number;
  readonly steps?: number;
  readonly guidanceScale?: number;
}

/** One video, with the guidance and the sampler of the teacher's settings. Perturbed guidance (`stg`) is for LTX-Video models. */
export async function hunyuanToVideo(model: HunyuanModel, runtime: Runtime, request: HunyuanRequest): Promise<Frame[]> {
  const { settings, transformer, codec } = model;
  const { prompt, seed, steps = settings.steps, guidanceScale = settings.guidanceScale } = request;
  const { config } = transformer;
  const grid = latentGrid(request, codec);
  // Guidance-distilled weights are told the scale; the others are asked twice.
  const guidance = guidanceOf(settings, request);
  const guided = guidance.some(isGuided) && !config.guidance;
  const shape = { batch: guided ? 2 : 1, grid, words: settings.textLength };
  const text = openPrompts(model, runtime);
  const prompts = await text.encode(guided ? ["", prompt] : [prompt]);
  text.dispose();
  const velocity = mount(new HunyuanTransformer(config)).forward(hunyuanInputs(config, shape));
  const executable = await runtime.compile(buildProgram({ velocity }, { keep: runtime.keeps }), {
    weights: transformer.weights,
  });
  const denoise = async (x: Float32Array, sigma: number): Promise<Float32Array> => {
    const latents = new Float32Array(shape.batch * x.length);
    for (let item = 0; item < shape.batch; item++) latents.set(x, item * x.length);
    const sigmas = new Array<number>(shape.batch).fill(sigma);
    const feeds = hunyuanFeeds(config, shape, { latents, sigmas, prompts, guidance: guidanceScale });
    const v = (await executable.run(feeds))["velocity"]!.data as Float32Array;
    const conditional = v.subarray(-x.length);
    const unconditional = guided ? v.subarray(0, x.length) : undefined;
    return denoised(x, combine({ conditional, unconditional }, guidanceAt(guidance, sigma)), sigma);
  };
  const noise = (of: string) => gaussian(config.channels * sizeOf([grid.frames, grid.height, grid.width]), seed, of);
  let x: Float32Array = noise("latents");
  const levels = sigmasOf(settings.schedule, steps, tokensOf(tokenGrid(grid, config)));
  try {
    const taken = sample(settings.sampler ?? "euler", denoise, x, levels, (index) => noise(`step ${index}`));
    for await (const step of taken) x = step.x;
  } finally {
    executable.dispose();
  }
  const runner = new CodecRunner(codec, runtime);
  const frames: Frame[] = [];
  try {
    for await (const frame of runner.decode(x, grid)) frames.push(frame);
  } finally {
    runner.dispose();
  }
  return frames;
}
