/** Flow matching on cached latents of captioned clips; text encoder and transformer learn together. */
import { gaussian, Random } from "../base/philox.ts";
import { widthOf } from "../models/ltx/config.ts";
import { coordinates, type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { relativeBuckets, T5Encoder } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { addNoise, timestepOf, velocity } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { constant, input, type Tensor } from "../tensor/tensor.ts";
import { bucketAt, drawSigma } from "./draws.ts";
import { initialFlowWeights } from "./flow-initial.ts";
import { modelConfigs } from "./flow-model.ts";
import type { FlowRecipe } from "./recipe.ts";
import type { Task } from "./trainer.ts";

/** Normalised latents of one picture size, clip by clip, and what the clips show. */
export interface LatentSet {
  readonly grid: Grid;
  readonly count: number;
  /** Packed tokens [N, C] of a clip. */
  read(clip: number): Promise<Float32Array>;
  /** In other words each time, where the source has any. */
  caption(clip: number, random: Random): string;
}

type Bucket = FlowRecipe["stages"][number]["buckets"][number];

export const pictureKey = ({ width, height, frames }: Bucket["picture"]): string => `${width}x${height}x${frames}`;

/** Text encoder and transformer under one roof, as the optimiser sees them. */
export class TextToVideoNet {
  readonly text: T5Encoder;
  readonly transformer: LtxTransformer;

  constructor(recipe: FlowRecipe, vocabulary: number, channels: number) {
    const { text, transformer } = modelConfigs(recipe, vocabulary, channels);
    this.text = new T5Encoder(text);
    this.transformer = new LtxTransformer(transformer);
  }
}

export interface FlowData {
  readonly tokenizer: TextTokenizer;
  readonly channels: number;
  /** Pixels per latent cell along (time, height, width). */
  readonly compression: readonly [number, number, number];
  /** By `pictureKey`. */
  readonly sets: ReadonlyMap<string, LatentSet>;
}

export class FlowTask implements Task {
  readonly model: TextToVideoNet;
  readonly steps: number;
  readonly recipe: FlowRecipe;
  readonly data: FlowData;

  constructor(recipe: FlowRecipe, data: FlowData) {
    this.recipe = recipe;
    this.data = data;
    this.model = mount(new TextToVideoNet(recipe, data.tokenizer.size, data.channels));
    this.steps = recipe.stages.reduce((sum, { steps }) => sum + steps, 0);
  }

  initial(): Map<string, HostTensor> {
    return initialFlowWeights(this.model, this.recipe.seed);
  }

  bucket(step: number): string {
    const { picture, batch } = bucketAt(this.recipe.stages, step, this.recipe.seed);
    return `${pictureKey(picture)} ${batch}`;
  }

  #shapeOf(bucket: string): { set: LatentSet; batch: number; tokens: number } {
    const [key, batch] = bucket.split(" ") as [string, string];
    const set = this.data.sets.get(key)!;
    return { set, batch: Number(batch), tokens: tokensOf(set.grid) };
  }

  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const { set, batch, tokens } = this.#shapeOf(bucket);
    const { text, transformer } = this.model;
    const { channels, compression } = this.data;
    const words = this.recipe.text.tokens;
    const rope = ropeTables(coordinates(set.grid, { fps: this.recipe.fps, compression }), widthOf(transformer.config), {
      theta: transformer.config.ropeTheta,
    });
    const mask = input("mask", [batch, words]);
    const states = text.forward({
      ids: input("ids", [batch, words], "i32"),
      buckets: constant(relativeBuckets(words, text.config)),
      mask,
    });
    const predicted = transformer.forward({
      latents: input("latents", [batch, tokens, channels]),
      text: states,
      textMask: mask,
      sinusoid: input("sinusoid", [batch, 1, 256]),
      rope: { cos: constant(rope.cos), sin: constant(rope.sin) },
    });
    const loss = predicted
      .sub(input("target", [batch, tokens, channels]))
      .square()
      .mean();
    return { loss, report: {} };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { set, batch, tokens } = this.#shapeOf(this.bucket(step));
    const { recipe, data } = this;
    const words = recipe.text.tokens;
    const random = new Random(recipe.seed, step * 2 + 1);
    const size = tokens * data.channels;
    const noise = gaussian(batch * size, recipe.seed, `flow-noise-${step}`);
    const [latents, target] = [new Float32Array(batch * size), new Float32Array(batch * size)];
    const [ids, mask] = [new Int32Array(batch * words), new Float32Array(batch * words)];
    const levels: number[] = [];
    for (let item = 0; item < batch; item++) {
      const clip = random.below(set.count);
      const clean = await set.read(clip);
      const own = noise.subarray(item * size, (item + 1) * size);
      const sigma = drawSigma(random, recipe.timesteps);
      levels.push(timestepOf(sigma));
      latents.set(addNoise(clean, own, sigma), item * size);
      target.set(velocity(clean, own), item * size);
      const said = random.chance(recipe.captionDropout) ? "" : set.caption(clip, random);
      const encoded = data.tokenizer.encode(said, words);
      ids.set(encoded.ids, item * words);
      mask.set(encoded.mask, item * words);
    }
    const shape = [batch, tokens, data.channels];
    return {
      latents: hostTensor(latents, shape),
      target: hostTensor(target, shape),
      sinusoid: timestepSinusoid(levels, [batch, 1]),
      ids: hostTensor(ids, [batch, words]),
      mask: hostTensor(mask, [batch, words]),
    };
  }
}
