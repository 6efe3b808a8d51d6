/** A HunyuanVideo-style model at work: latents and prompts to velocities or to features of its blocks. */
import { InputError } from "../base/errors.ts";
import { rmsNorm } from "../kernels/norms.ts";
import type { HunyuanConfig } from "../models/hunyuan/config.ts";
import { ropeTables, tokenGrid } from "../models/hunyuan/rope.ts";
import { type HunyuanInputs, HunyuanTransformer } from "../models/hunyuan/transformer.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { timestepOf } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { constant, input, type Tensor } from "../tensor/tensor.ts";
import type { Codec } from "./codec.ts";
import type { HunyuanText, PromptStates } from "./hunyuan-text.ts";
import type { VideoSize } from "./latents.ts";
import type { Part, Settings } from "./model.ts";

export interface HunyuanModel {
  readonly settings: Settings;
  readonly transformer: Part<HunyuanConfig>;
  readonly codec: Codec;
  /** Not there where embeddings have to be made elsewhere. */
  readonly text: HunyuanText | undefined;
}

/** Cells of the latent grid of a clip. */
export function latentGrid(
  { width, height, frames }: VideoSize,
  { compression, json }: Pick<Codec, "compression" | "json">,
): Grid {
  const [t, h, w] = compression;
  const grid = { frames: (frames - 1) / t + 1, height: height / h, width: width / w };
  if (!Object.values(grid).every(Number.isInteger))
    throw new InputError(`${width}x${height} with ${frames} frames is off the grid of ${json["_class_name"]}`, {
      hint: `multiples of ${w} and ${h}, and one frame more than a multiple of ${t}`,
    });
  return grid;
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
  { transformer }: { readonly transformer: Pick<HunyuanModel["transformer"], "config"> },
  shape: HunyuanShape,
  blocks: readonly number[],
  keep: Runtime["keeps"],
): Program {
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
  return buildProgram(Object.fromEntries(outputs), { keep });
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
