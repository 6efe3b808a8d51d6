/** Flow matching that goes on from a finished model: all of its transformer, or adapters beside it. The text encoder stays. */
import { Random } from "../base/philox.ts";
import type { LtxConfig } from "../models/ltx/config.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bucketAt, drawSeen, type Seen } from "./draws.ts";
import { velocityLoss } from "./flow-loss.ts";
import type { LatentSet } from "./flow-task.ts";
import { initialWeights } from "./initial.ts";
import { type Adapter, attachLora, type LoraSettings } from "./lora.ts";
import type { TuneRecipe } from "./recipe-tune.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { batchRandom, bucketKey, stepsOf } from "./stages.ts";
import { captionFeeds, captionInputs, flowItems, latentFeeds, type ReadCaption, velocityGraph } from "./student.ts";
import type { Task } from "./trainer.ts";
import { heldOutDraw, type Validation, validationBucket } from "./validation.ts";

export interface TuneData {
  readonly config: LtxConfig;
  /** The transformer's weights by field path. */
  readonly weights: ReadonlyMap<string, HostTensor>;
  readonly compression: readonly [number, number, number];
  readonly words: number;
  /** By `pictureKey`. */
  readonly sets: ReadonlyMap<string, LatentSet>;
  readonly states: ReadCaption;
}

class TuneNet {
  readonly transformer: LtxTransformer;
  readonly lora: readonly Adapter[];

  constructor(config: LtxConfig, lora?: LoraSettings) {
    this.transformer = mount(new LtxTransformer(config), "transformer");
    this.lora = lora ? attachLora(this.transformer, lora) : [];
    mount(this.lora, "lora");
  }
}

/** Captions of a clip are worded once, so that their states can be kept. */
export const captionAt = (set: LatentSet, clip: number, seed: number): string =>
  set.caption(clip, new Random(seed, clip));

export class TuneTask implements Task {
  readonly model: TuneNet;
  readonly steps: number;
  readonly recipe: TuneRecipe;
  readonly data: TuneData;

  constructor(recipe: TuneRecipe, data: TuneData) {
    this.recipe = recipe;
    this.data = data;
    const { lora } = recipe;
    this.model = new TuneNet(
      data.config,
      lora && { ...lora, alpha: lora.alpha ?? lora.rank, layers: new RegExp(lora.layers) },
    );
    this.steps = stepsOf(recipe.stages);
  }

  /** The finished weights; adapters begin as nothing: `up` at zero. */
  initial(): Map<string, HostTensor> {
    const adapters = initialWeights(this.model.lora, this.recipe.seed, {
      prefix: "lora",
      gain: (name) => (name.endsWith(".up") ? 0 : 1),
    });
    const base = [...this.data.weights].map(([name, value]) => [`transformer.${name}`, value] as const);
    return new Map([...base, ...adapters]);
  }

  frozen(name: string): boolean {
    return this.model.lora.length > 0 && !name.startsWith("lora.");
  }

  bucket(step: number): string {
    return bucketKey(bucketAt(this.recipe.stages, step, this.recipe.seed));
  }

  #shapeOf(bucket: string): { set: LatentSet; batch: number } {
    const [key, batch] = bucket.split(" ") as [string, string];
    return { set: this.data.sets.get(key)!, batch: Number(batch) };
  }

  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const { set, batch } = this.#shapeOf(bucket);
    const { words, config, compression } = this.data;
    const said = captionInputs({ batch, words }, config);
    const shape = { batch, grid: set.grid };
    const positions = { fps: this.recipe.fps, compression };
    const around = aroundBlocks(this.recipe);
    const { predicted, target } = velocityGraph(this.model.transformer, shape, said, positions, around);
    return { loss: velocityLoss(predicted, target), report: {} };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { set, batch } = this.#shapeOf(this.bucket(step));
    const { recipe } = this;
    const worded = { count: set.count, caption: (clip: number) => captionAt(set, clip, recipe.seed) };
    const seen = drawSeen(worded, batch, batchRandom(recipe.seed, step), recipe);
    return this.#feeds(set, seen, `tune-noise-${step}`);
  }

  get validation(): Validation | undefined {
    const { seed, validation } = this.recipe;
    if (!validation) return undefined;
    const { set } = this.#shapeOf(validationBucket);
    const batch: Validation["batch"] = (clip, sigma) =>
      this.#feeds(set, [heldOutDraw(set, clip, sigma, seed)], `held-out-${clip}`);
    return { ...validation, batch };
  }

  async #feeds(set: LatentSet, seen: readonly Seen[], stream: string): Promise<Record<string, HostTensor>> {
    const captions = seen.map(({ caption }) => caption);
    return {
      ...latentFeeds(await flowItems(set, seen, this.recipe.seed, stream), set.grid),
      ...(await captionFeeds(captions, this.data.states)),
    };
  }
}
