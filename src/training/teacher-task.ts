/** Flow matching for the teacher on cached latents of its own autoencoder; its text encoders learn along. */
import { endOf } from "../models/clip/encoder.ts";
import { tokensOf } from "../models/ltx/rope.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { hunyuanInputs } from "../pipelines/hunyuan.ts";
import { wordsOf } from "../pipelines/words.ts";
import { timestepOf } from "../samplers/process.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import { bucketAt, drawSeen, type Seen } from "./draws.ts";
import { velocityLoss } from "./flow-loss.ts";
import type { LatentSet } from "./flow-task.ts";
import { objectWeights, objectWeightsInput } from "./object-weights.ts";
import type { TeacherRecipe } from "./recipe.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { batchRandom, bucketKey, stepsOf } from "./stages.ts";
import { flowItems, latentFeeds } from "./student.ts";
import { initialTeacherWeights, TeacherNet, teacherConfigs } from "./teacher-net.ts";
import type { Task } from "./trainer.ts";
import { heldOutDraw, type Validation, validationBucket } from "./validation.ts";

export interface TeacherData {
  readonly tokenizer: TextTokenizer;
  readonly channels: number;
  /** Latents [C, f, h, w] by `pictureKey`. */
  readonly sets: ReadonlyMap<string, LatentSet>;
  /** Weights to go on from, by field path; fresh ones when left out. */
  readonly start?: ReadonlyMap<string, HostTensor> | undefined;
  /** `velocityLoss`. */
  readonly channelWeights?: Float32Array | undefined;
}

export class TeacherTask implements Task {
  readonly model: TeacherNet;
  readonly steps: number;
  readonly recipe: TeacherRecipe;
  readonly data: TeacherData;

  constructor(recipe: TeacherRecipe, data: TeacherData) {
    this.recipe = recipe;
    this.data = data;
    this.model = mount(new TeacherNet(teacherConfigs(recipe, data.tokenizer.size, data.channels)));
    this.steps = stepsOf(recipe.stages);
  }

  initial(): ReadonlyMap<string, HostTensor> {
    return this.data.start ?? initialTeacherWeights(this.model, this.recipe.seed);
  }

  bucket(step: number): string {
    return bucketKey(bucketAt(this.recipe.stages, step, this.recipe.seed));
  }

  #shapeOf(bucket: string) {
    const [key, batch] = bucket.split(" ") as [string, string];
    const set = this.data.sets.get(key)!;
    return { set, grid: set.grid, batch: Number(batch), words: this.recipe.text.tokens };
  }

  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const { language, clip, transformer } = this.model;
    const shape = this.#shapeOf(bucket);
    const inputs = hunyuanInputs(transformer.config, shape);
    const ids = input("ids", [shape.batch, shape.words], "i32");
    const text = language.forward({ ids, mask: inputs.textMask });
    const { pooled } = clip.forward({ ids, end: input("end", ids.shape) });
    const predicted = transformer.forward({ ...inputs, text, pooled }, aroundBlocks(this.recipe));
    const target = input("target", predicted.shape);
    const tokens = (x: Tensor) => x.reshape(shape.batch, this.data.channels, tokensOf(shape.grid)).permute(0, 2, 1);
    const weights = {
      channels: this.data.channelWeights,
      tokens: objectWeightsInput(this.recipe.objectWeight, shape.batch, shape.set),
    };
    return { loss: velocityLoss(tokens(predicted), tokens(target), weights), report: {} };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { set, batch } = this.#shapeOf(this.bucket(step));
    const { recipe } = this;
    return this.#feeds(set, drawSeen(set, batch, batchRandom(recipe.seed, step), recipe), `teacher-noise-${step}`);
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
    const { channels, tokenizer } = this.data;
    const { frames, height, width } = set.grid;
    const items = await flowItems(set, seen, this.recipe.seed, stream);
    const { latents, target } = latentFeeds(items, set.grid);
    const shape = [items.length, channels, frames, height, width];
    const weights = await objectWeights(this.recipe.objectWeight, set, seen);
    const captions = items.map(({ caption }) => caption);
    const { ids, mask } = wordsOf(captions, this.recipe.text.tokens, tokenizer);
    return {
      latents: { ...latents, shape },
      target: { ...target, shape },
      sinusoid: timestepSinusoid(items.map(({ sigma }) => timestepOf(sigma))),
      ids,
      textMask: mask,
      end: endOf(ids, this.model.clip.config),
      ...weights,
    };
  }
}
