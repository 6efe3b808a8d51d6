/** The LTX student as training sees it: its graph for one shape, and what it is fed. Plain training and distillation share it. */
import { gaussian } from "../base/philox.ts";
import { type LtxConfig, widthOf } from "../models/ltx/config.ts";
import { coordinates, type Grid, type Positions, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import type { ForwardOptions, LtxTransformer } from "../models/ltx/transformer.ts";
import { relativeBuckets, type T5Encoder } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { wordsOf } from "../pipelines/words.ts";
import { addNoise, timestepOf, velocity } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { constant, input, type Tensor } from "../tensor/tensor.ts";
import type { Seen } from "./draws.ts";
import type { LatentSet } from "./flow-task.ts";

export interface StudentNet {
  readonly text: T5Encoder;
  readonly transformer: LtxTransformer;
}

export interface StudentShape {
  readonly batch: number;
  readonly grid: Grid;
  /** Text tokens. */
  readonly words: number;
  /** Whether the text encoder is told which of them are padding; it is where left out. */
  readonly maskText?: boolean | undefined;
}

/** A caption as a frozen text encoder reads it: states [T, W] and mask [T]. */
export interface CaptionStates {
  readonly states: Float32Array;
  readonly mask: ArrayLike<number>;
}

export type ReadCaption = (caption: string) => Promise<CaptionStates>;

/** Inputs `text` [B, T, W] and `mask` [B, T] of some captions. */
export async function captionFeeds(
  captions: readonly string[],
  read: ReadCaption,
): Promise<{ text: HostTensor; mask: HostTensor }> {
  const said = await Promise.all(captions.map(read));
  const [batch, words] = [said.length, said[0]!.mask.length];
  const size = said[0]!.states.length;
  const text = new Float32Array(batch * size);
  const mask = new Float32Array(batch * words);
  for (const [item, one] of said.entries()) {
    text.set(one.states, item * size);
    mask.set(one.mask, item * words);
  }
  return { text: hostTensor(text, [batch, words, size / words]), mask: hostTensor(mask, [batch, words]) };
}

/** Where tokens lie; how time is counted is the model's. */
export type StudentPositions = Omit<Positions, "causal">;

/** Traces the predicted velocity [B, N, C] and its target, both of `studentFeeds`. */
export function studentGraph(
  { text, transformer }: StudentNet,
  { batch, grid, words, maskText = true }: StudentShape,
  positions: StudentPositions,
  options: ForwardOptions = {},
): { predicted: Tensor; target: Tensor } {
  const mask = input("mask", [batch, words]);
  const states = text.forward({
    ids: input("ids", [batch, words], "i32"),
    buckets: constant(relativeBuckets(words, text.config)),
    mask: maskText ? mask : undefined,
  });
  return velocityGraph(transformer, { batch, grid }, { text: states, mask }, positions, options);
}

/** Captions as inputs of a graph, to be fed by `captionFeeds`. */
export const captionInputs = ({ batch, words }: Omit<StudentShape, "grid">, { captionChannels }: LtxConfig) => ({
  text: input("text", [batch, words, captionChannels]),
  mask: input("mask", [batch, words]),
});

/** The same of a transformer whose text is there: states [B, T, W] and their mask [B, T]. */
export function velocityGraph(
  transformer: LtxTransformer,
  { batch, grid }: Pick<StudentShape, "batch" | "grid">,
  { text, mask }: { text: Tensor; mask: Tensor },
  positions: StudentPositions,
  options: ForwardOptions = {},
): { predicted: Tensor; target: Tensor } {
  const { config } = transformer;
  const tokens = tokensOf(grid);
  const places = coordinates(grid, { ...positions, causal: config.causalPositions ?? false });
  const rope = ropeTables(places, widthOf(config), { theta: config.ropeTheta });
  const predicted = transformer.forward(
    {
      latents: input("latents", [batch, tokens, config.channels]),
      text,
      textMask: mask,
      sinusoid: input("sinusoid", [batch, 1, 256]),
      rope: { cos: constant(rope.cos), sin: constant(rope.sin) },
    },
    options,
  );
  return { predicted, target: input("target", [batch, tokens, config.channels]) };
}

/** One clip of a batch: its packed latents [N, C] and noise of the same size. */
interface Noised {
  readonly clean: Float32Array;
  readonly noise: Float32Array;
  readonly sigma: number;
}

/** Clips with noise of a stream of its own, for each of them in turn. */
export async function flowItems<One extends Pick<Seen, "clip" | "sigma">>(
  set: Pick<LatentSet, "read">,
  seen: readonly One[],
  seed: number,
  stream: string,
): Promise<(One & Noised)[]> {
  const cleans: Float32Array[] = [];
  for (const { clip } of seen) cleans.push(await set.read(clip));
  const size = cleans[0]!.length;
  const noise = gaussian(seen.length * size, seed, stream);
  return seen.map((one, item) => ({
    ...one,
    clean: cleans[item]!,
    noise: noise.subarray(item * size, (item + 1) * size),
  }));
}

/** Noisy latents, their velocities, noise levels and words. */
export function studentFeeds(
  items: readonly (Noised & Pick<Seen, "caption">)[],
  { grid, words }: Pick<StudentShape, "grid" | "words">,
  tokenizer: TextTokenizer,
): Record<string, HostTensor> {
  const captions = items.map(({ caption }) => caption);
  return { ...latentFeeds(items, grid), ...wordsOf(captions, words, tokenizer) };
}

/** Noisy latents, their velocities and noise levels. */
export function latentFeeds(
  items: readonly Noised[],
  grid: Grid,
): Record<"latents" | "target" | "sinusoid", HostTensor> {
  const batch = items.length;
  const size = items[0]!.clean.length;
  const [latents, target] = [new Float32Array(batch * size), new Float32Array(batch * size)];
  for (const [i, { clean, noise, sigma }] of items.entries()) {
    latents.set(addNoise(clean, noise, sigma), i * size);
    target.set(velocity(clean, noise), i * size);
  }
  const tokens = tokensOf(grid);
  const shape = [batch, tokens, size / tokens];
  const sinusoid = timestepSinusoid(
    items.map(({ sigma }) => timestepOf(sigma)),
    [batch, 1],
  );
  return { latents: hostTensor(latents, shape), target: hostTensor(target, shape), sinusoid };
}
