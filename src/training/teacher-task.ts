/** Flow matching for the teacher on cached latents of its own autoencoder; its text encoders learn along. */
import { gaussian } from "../base/philox.ts";
import { endOf } from "../models/clip/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { hunyuanInputs } from "../pipelines/hunyuan.ts";
import { addNoise, timestepOf, velocity } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import { bucketAt, drawSigma } from "./draws.ts";
import type { LatentSet } from "./flow-task.ts";
import type { TeacherRecipe } from "./recipe.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { batchRandom, bucketKey, stepsOf } from "./stages.ts";
import { wordsOf } from "./student.ts";
import { initialTeacherWeights, TeacherNet, teacherConfigs } from "./teacher-net.ts";
import type { Task } from "./trainer.ts";

export interface TeacherData {
  readonly tokenizer: TextTokenizer;
  readonly channels: number;
  /** Latents [C, f, h, w] by `pictureKey`. */
  readonly sets: ReadonlyMap<string, LatentSet>;
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

  initial(): Map<string, HostTensor> {
    return initialTeacherWeights(this.model, this.recipe.seed);
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
    return { loss: predicted.sub(target).square().mean(), report: {} };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { set, batch, grid, words } = this.#shapeOf(this.bucket(step));
    const { seed, timesteps, captionDropout } = this.recipe;
    const { channels, tokenizer } = this.data;
    const random = batchRandom(seed, step);
    const shape = [batch, channels, grid.frames, grid.height, grid.width];
    const size = channels * grid.frames * grid.height * grid.width;
    const noise = gaussian(batch * size, seed, `teacher-noise-${step}`);
    const [latents, target] = [new Float32Array(batch * size), new Float32Array(batch * size)];
    const levels: number[] = [];
    const captions: string[] = [];
    for (let item = 0; item < batch; item++) {
      const clip = random.below(set.count);
      const sigma = drawSigma(random, timesteps);
      captions.push(random.chance(captionDropout) ? "" : set.caption(clip, random));
      levels.push(timestepOf(sigma));
      const clean = await set.read(clip);
      const own = noise.subarray(item * size, (item + 1) * size);
      latents.set(addNoise(clean, own, sigma), item * size);
      target.set(velocity(clean, own), item * size);
    }
    const { ids, mask } = wordsOf(captions, words, tokenizer);
    return {
      latents: hostTensor(latents, shape),
      target: hostTensor(target, shape),
      sinusoid: timestepSinusoid(levels),
      ids,
      textMask: mask,
      end: endOf(ids, this.model.clip.config),
    };
  }
}
