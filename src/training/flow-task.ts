/** Flow matching on cached latents of captioned clips; text encoder and transformer learn together. */
import type { Random } from "../base/philox.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { T5Encoder } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bucketAt, drawSeen } from "./draws.ts";
import { initialFlowWeights } from "./flow-initial.ts";
import { velocityLoss } from "./flow-loss.ts";
import { modelConfigs } from "./flow-model.ts";
import { objectWeights, objectWeightsInput } from "./object-weights.ts";
import type { FlowRecipe } from "./recipe.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { batchRandom, bucketKey, stepsOf } from "./stages.ts";
import { flowItems, type StudentShape, studentFeeds, studentGraph } from "./student.ts";
import type { Task } from "./trainer.ts";
import { heldOutDraw, type Validation, validationBucket } from "./validation.ts";

/** Normalised latents of one picture size, clip by clip, and what the clips show. */
export interface LatentSet {
  readonly grid: Grid;
  readonly count: number;
  /** Packed tokens [N, C] of a clip. */
  read(clip: number): Promise<Float32Array>;
  /** In other words each time, where the source has any. */
  caption(clip: number, random: Random): string;
  /** How much of each token [N] known objects cover, 0 to 1; of clips of which that is known. */
  objects?(clip: number): Promise<Float32Array>;
}

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
  /** Weights to go on from, by field path; fresh ones when left out. */
  readonly start?: ReadonlyMap<string, HostTensor> | undefined;
  /** `velocityLoss` */
  readonly channelWeights?: Float32Array | undefined;
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
    this.steps = stepsOf(recipe.stages);
  }

  initial(): ReadonlyMap<string, HostTensor> {
    return this.data.start ?? initialFlowWeights(this.model, this.recipe.seed);
  }

  bucket(step: number): string {
    return bucketKey(bucketAt(this.recipe.stages, step, this.recipe.seed));
  }

  #shapeOf(bucket: string): StudentShape & { set: LatentSet } {
    const [key, batch] = bucket.split(" ") as [string, string];
    const set = this.data.sets.get(key)!;
    return { set, grid: set.grid, batch: Number(batch), words: this.recipe.text.tokens };
  }

  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const { compression } = this.data;
    const positions = { fps: this.recipe.fps, compression };
    const around = aroundBlocks(this.recipe);
    const shape = this.#shapeOf(bucket);
    const { predicted, target } = studentGraph(this.model, shape, positions, around);
    const channels = this.data.channelWeights;
    const tokens = objectWeightsInput(this.recipe.objectWeight, shape.batch, shape.set);
    return { loss: velocityLoss(predicted, target, { channels, tokens }), report: {} };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { set, batch, ...shape } = this.#shapeOf(this.bucket(step));
    const { recipe } = this;
    const seen = drawSeen(set, batch, batchRandom(recipe.seed, step), recipe);
    const items = await flowItems(set, seen, recipe.seed, `flow-noise-${step}`);
    return {
      ...studentFeeds(items, shape, this.data.tokenizer),
      ...(await objectWeights(recipe.objectWeight, set, seen)),
    };
  }

  get validation(): Validation | undefined {
    const { seed, validation, objectWeight } = this.recipe;
    if (!validation) return undefined;
    const { set, ...shape } = this.#shapeOf(validationBucket);
    const batch: Validation["batch"] = async (clip, sigma) => {
      const seen = [heldOutDraw(set, clip, sigma, seed)];
      const items = await flowItems(set, seen, seed, `held-out-${clip}`);
      return { ...studentFeeds(items, shape, this.data.tokenizer), ...(await objectWeights(objectWeight, set, seen)) };
    };
    return { ...validation, batch };
  }
}
