/** A HunyuanVideo-style model at work: prompts to states, latents to velocities or to a block's features. */
import { InputError } from "../base/errors.ts";
import { gaussian } from "../base/philox.ts";
import { rmsNorm } from "../kernels/norms.ts";
import type { ClipTextConfig } from "../models/clip/config.ts";
import { ClipTextEncoder, endOf } from "../models/clip/encoder.ts";
import type { HunyuanConfig } from "../models/hunyuan/config.ts";
import { ropeTables, tokenGrid, tokensOf } from "../models/hunyuan/rope.ts";
import { type HunyuanInputs, HunyuanTransformer } from "../models/hunyuan/transformer.ts";
import type { LlamaConfig } from "../models/llama/config.ts";
import { LlamaEncoder } from "../models/llama/encoder.ts";
import type { Grid } from "../models/ltx/rope.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { euler } from "../samplers/euler.ts";
import { guide } from "../samplers/guidance.ts";
import { denoised, timestepOf } from "../samplers/process.ts";
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import { constant, input, type Tensor } from "../tensor/tensor.ts";
import { type Frame, planarToFrames } from "../video/frame.ts";
import type { Codec } from "./codec.ts";
import type { VideoSize } from "./latents.ts";
import { type Part, type Settings, sigmasOf } from "./model.ts";

export interface HunyuanModel {
  readonly settings: Settings;
  readonly tokenizer: TextTokenizer;
  readonly language: Part<LlamaConfig>;
  readonly clip: Part<ClipTextConfig>;
  readonly transformer: Part<HunyuanConfig>;
  readonly codec: Codec;
}

/** What the transformer reads of prompts. */
export interface PromptStates {
  /** [B, T, textWidth] */
  readonly states: HostTensor;
  /** 1 for words, 0 for padding [B, T]. */
  readonly mask: HostTensor;
  /** [B, pooledWidth] */
  readonly pooled: HostTensor;
}

/** Turns prompts into states; from encoders, or from a file that was written before. */
export type PromptEncoder = (prompts: readonly string[]) => Promise<PromptStates>;

/** Cells of the latent grid of a clip. */
export function latentGrid({ width, height, frames }: VideoSize, { compression, json }: Codec): Grid {
  const [t, h, w] = compression;
  const grid = { frames: (frames - 1) / t + 1, height: height / h, width: width / w };
  if (!Object.values(grid).every(Number.isInteger))
    throw new InputError(`${width}x${height} with ${frames} frames is off the grid of ${json["_class_name"]}`, {
      hint: `multiples of ${w} and ${h}, and one frame more than a multiple of ${t}`,
    });
  return grid;
}

/** The model's own encoders; both stay loaded until `dispose`. Programs are kept by the number of prompts. */
export function openPrompts(
  { settings, tokenizer, language, clip }: Pick<HunyuanModel, "settings" | "tokenizer" | "language" | "clip">,
  runtime: Runtime,
): { encode: PromptEncoder; dispose(): void } {
  const length = settings.textLength;
  const made = new Map<number, Promise<Executable>>();
  const weights = new Map([
    ...[...language.weights].map(([name, weight]) => [`language.${name}`, weight] as const),
    ...[...clip.weights].map(([name, weight]) => [`clip.${name}`, weight] as const),
  ]);
  const compile = (batch: number) => {
    const shape = [batch, length];
    const ids = input("ids", shape, "i32");
    const states = mount(new LlamaEncoder(language.config), "language").forward({ ids, mask: input("mask", shape) });
    const { pooled } = mount(new ClipTextEncoder(clip.config), "clip").forward({ ids, end: input("end", shape) });
    return runtime.compile(buildProgram({ states, pooled }, { keep: runtime.keeps }), { weights });
  };
  return {
    encode: async (prompts) => {
      const shape = [prompts.length, length];
      const encoded = prompts.map((prompt) => tokenizer.encode(prompt, length));
      const ids = hostTensor(Int32Array.from(encoded.flatMap((text) => [...text.ids])), shape);
      const mask = hostTensor(Float32Array.from(encoded.flatMap((text) => [...text.mask])), shape);
      if (!made.has(prompts.length)) made.set(prompts.length, compile(prompts.length));
      const executable = await made.get(prompts.length)!;
      const { states, pooled } = await executable.run({ ids, mask, end: endOf(ids, clip.config) });
      return { states: states!, pooled: pooled!, mask };
    },
    dispose: () => {
      for (const executable of made.values()) void executable.then((one) => one.dispose());
    },
  };
}

export interface HunyuanShape {
  readonly batch: number;
  readonly grid: Grid;
  readonly words: number;
}

/** Inputs of the transformer under the names that `hunyuanFeeds` fills. */
export function hunyuanInputs(config: HunyuanConfig, { batch, grid, words }: HunyuanShape): HunyuanInputs {
  const { cos, sin } = ropeTables(tokenGrid(grid, config), config);
  return {
    latents: input("latents", [batch, config.channels, grid.frames, grid.height, grid.width]),
    text: input("text", [batch, words, config.textWidth]),
    textMask: input("textMask", [batch, words]),
    pooled: input("pooled", [batch, config.pooledWidth]),
    sinusoid: input("sinusoid", [batch, 256]),
    guidance: config.guidance ? input("guidance", [batch, 256]) : undefined,
    rope: { cos: constant(cos), sin: constant(sin) },
  };
}

export interface HunyuanCall {
  /** [B, C, f, h, w], one after the other. */
  readonly latents: Float32Array;
  readonly sigmas: readonly number[];
  readonly prompts: PromptStates;
  /** Guidance scale that guidance-distilled models are told. */
  readonly guidance: number;
}

export function hunyuanFeeds(
  config: HunyuanConfig,
  { batch, grid }: HunyuanShape,
  { latents, sigmas, prompts, guidance }: HunyuanCall,
): Record<string, HostTensor> {
  return {
    latents: hostTensor(latents, [batch, config.channels, grid.frames, grid.height, grid.width]),
    text: prompts.states,
    textMask: prompts.mask,
    pooled: prompts.pooled,
    sinusoid: timestepSinusoid(sigmas.map(timestepOf)),
    ...(config.guidance && { guidance: timestepSinusoid(sigmas.map(() => 1000 * guidance)) }),
  };
}

/**
 * Image tokens `feature0`, `feature1`, … [B, N, W] after blocks (-1: the last), brought to root mean square 1 each:
 * comparisons look at directions only, and half precision then holds any of them.
 */
export function featureProgram(
  { transformer }: Pick<HunyuanModel, "transformer">,
  shape: HunyuanShape,
  blocks: readonly number[],
  runtime: Runtime,
): Promise<Executable> {
  const { config } = transformer;
  const indices = blocks.map((block) => tapIndex(block, config.doubleBlocks + config.singleBlocks, "teacher"));
  const taken = new Map<number, Tensor>();
  mount(new HunyuanTransformer(config)).features(hunyuanInputs(config, shape), Math.max(...indices), {
    afterBlock: (image, index) => {
      taken.set(index, image);
      return image;
    },
  });
  const outputs = indices.map((index, k) => [`feature${k}`, rmsNorm(taken.get(index)!, { epsilon: 1e-6 })] as const);
  return runtime.compile(buildProgram(Object.fromEntries(outputs), { keep: runtime.keeps }), {
    weights: transformer.weights,
  });
}

/** A possibly negative block number as an index. */
export function tapIndex(block: number, blocks: number, whose: string): number {
  const index = block < 0 ? block + blocks : block;
  if (!(index >= 0 && index < blocks))
    throw new InputError(`the ${whose} has no block ${block}`, {
      where: `taps.${whose}`,
      hint: `it has ${blocks}, numbered from 0; -1 is the last`,
    });
  return index;
}

export interface HunyuanRequest extends VideoSize {
  readonly prompt: string;
  readonly seed: number;
  readonly steps?: number;
  readonly guidanceScale?: number;
}

/** One video with classifier-free guidance, whole in memory. */
export async function hunyuanToVideo(model: HunyuanModel, runtime: Runtime, request: HunyuanRequest): Promise<Frame[]> {
  const { settings, transformer, codec } = model;
  const { steps = settings.steps, guidanceScale = settings.guidanceScale } = request;
  const { config } = transformer;
  const grid = latentGrid(request, codec);
  const guided = guidanceScale !== 1;
  const shape = { batch: guided ? 2 : 1, grid, words: settings.textLength };
  const text = openPrompts(model, runtime);
  const prompts = await text.encode(guided ? ["", request.prompt] : [request.prompt]);
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
    if (!guided) return denoised(x, v, sigma);
    return denoised(x, guide(v.subarray(x.length), v.subarray(0, x.length), guidanceScale), sigma);
  };
  let x: Float32Array = gaussian(
    config.channels * sizeOf([grid.frames, grid.height, grid.width]),
    request.seed,
    "latents",
  );
  const levels = sigmasOf(settings.schedule, steps, tokensOf(tokenGrid(grid, config)));
  try {
    for await (const step of euler(denoise, x, levels)) x = step.x;
  } finally {
    executable.dispose();
  }
  return decodeWhole(codec, runtime, x, grid, request);
}

/** Latents [C, f, h, w] to frames, in one piece. */
export async function decodeWhole(
  codec: Codec,
  runtime: Runtime,
  latents: Float32Array,
  grid: Grid,
  { frames, height, width }: VideoSize,
): Promise<Frame[]> {
  const shape = [1, codec.channels, grid.frames, grid.height, grid.width];
  const program = buildProgram({ pixels: codec.decode(input("latents", shape)) }, { keep: runtime.keeps });
  const executable = await runtime.compile(program, { weights: codec.weights });
  try {
    const { pixels } = await executable.run({ latents: hostTensor(latents, shape) });
    return planarToFrames(pixels!.data as Float32Array, frames, height, width);
  } finally {
    executable.dispose();
  }
}
