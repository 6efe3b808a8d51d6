/** Heterogeneous distillation (Turbo2K, Sec. 3.1): the student denoises, and sees what a teacher of another kind sees. */
import type { LtxConfig } from "../models/ltx/config.ts";
import { widthOf } from "../models/ltx/config.ts";
import { tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { type T5Config, T5Encoder } from "../models/t5/encoder.ts";
import type { TextTokenizer } from "../models/t5/tokenizer.ts";
import { tapIndex } from "../pipelines/hunyuan.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import { centred, diffusionLoss, similarity } from "./distill-loss.ts";
import { Projector, type TokenPlaces } from "./distill-projector.ts";
import { type Draw, drawOf, type FeatureSource, heldOutDraws } from "./distill-teacher.ts";
import { bucketAt } from "./draws.ts";
import type { LatentSet } from "./flow-task.ts";
import { initialWeights } from "./initial.ts";
import { objectWeights, objectWeightsInput } from "./object-weights.ts";
import type { DistillRecipe } from "./recipe.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { batchRandom, bucketKey, stepsOf } from "./stages.ts";
import {
  captionFeeds,
  captionInputs,
  flowItems,
  latentFeeds,
  type ReadCaption,
  type StudentShape,
  studentFeeds,
  studentGraph,
  velocityGraph,
} from "./student.ts";
import type { Task } from "./trainer.ts";
import { type Validation, validationBucket } from "./validation.ts";

export interface StudentConfigs {
  readonly text: T5Config;
  readonly transformer: LtxConfig;
}

/** The student, and what brings its states to the teacher's shape. */
export class DistillNet {
  /** Not there where captions were read before. */
  readonly text: T5Encoder | undefined;
  readonly transformer: LtxTransformer;
  readonly projector: Projector | undefined;

  constructor({ text, transformer }: StudentConfigs, teacherWidth: number | undefined, isRead: boolean) {
    this.text = isRead ? undefined : new T5Encoder(text);
    this.transformer = new LtxTransformer(transformer);
    this.projector = teacherWidth === undefined ? undefined : new Projector(widthOf(transformer), teacherWidth);
  }
}

export interface DistillTeacher {
  readonly width: number;
  /** Its tokens at a picture size. */
  places(key: string): TokenPlaces;
  readonly features: FeatureSource;
}

export interface DistillData {
  readonly configs: StudentConfigs;
  /** The student's values to start from; of its text encoder only where that runs. */
  readonly start: ReadonlyMap<string, HostTensor>;
  /** Captions as the frozen text encoder read them; where it is left out the encoder is part of each step. */
  readonly read?: ReadCaption | undefined;
  readonly tokenizer: TextTokenizer;
  readonly words: number;
  /** `StudentShape` */
  readonly maskText?: boolean | undefined;
  readonly fps: number;
  /** Pixels per cell of the student's latents along (time, height, width). */
  readonly compression: readonly [number, number, number];
  /** The student's latents by `pictureKey`. */
  readonly sets: ReadonlyMap<string, LatentSet>;
  /** Not there where the strategy is `data-only`. */
  readonly teacher: DistillTeacher | undefined;
  /** `velocityLoss` */
  readonly channelWeights?: Float32Array | undefined;
}

export class DistillTask implements Task {
  readonly model: DistillNet;
  readonly steps: number;
  readonly recipe: DistillRecipe;
  readonly data: DistillData;
  readonly #tap: number;

  constructor(recipe: DistillRecipe, data: DistillData) {
    this.recipe = recipe;
    this.data = data;
    this.model = mount(new DistillNet(data.configs, data.teacher?.width, data.read !== undefined));
    this.steps = stepsOf(recipe.stages);
    this.#tap = tapIndex(recipe.taps.student, data.configs.transformer.layers, "student");
  }

  initial(): Map<string, HostTensor> {
    const { projector } = this.model;
    const values = new Map(this.data.start);
    if (projector)
      for (const [name, value] of initialWeights(projector, this.recipe.seed, { prefix: "projector" }))
        values.set(name, value);
    return values;
  }

  frozen(name: string): boolean {
    return !this.recipe.trainText && name.startsWith("text.");
  }

  bucket(step: number): string {
    return bucketKey(bucketAt(this.recipe.stages, step, this.recipe.seed));
  }

  #shapeOf(bucket: string): StudentShape & { key: string; set: LatentSet } {
    const [key, batch] = bucket.split(" ") as [string, string];
    const set = this.data.sets.get(key)!;
    const { words, maskText } = this.data;
    return { key, set, grid: set.grid, batch: Number(batch), words, maskText };
  }

  /** Eq. 4: L = L_diff + λ L_dis. */
  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const { key, set, ...shape } = this.#shapeOf(bucket);
    const { fps, compression, teacher, channelWeights: channels } = this.data;
    const { weight, frames, centre, loss: form, objectWeight } = this.recipe;
    let states: Tensor | undefined;
    const afterBlock = (x: Tensor, index: number): Tensor => {
      if (index === this.#tap) states = x;
      return x;
    };
    const options = { afterBlock, ...aroundBlocks(this.recipe) };
    const { text, transformer } = this.model;
    const positions = { fps, compression };
    const { predicted, target } = text
      ? studentGraph({ text, transformer }, shape, positions, options)
      : velocityGraph(transformer, shape, captionInputs(shape, transformer.config), positions, options);
    const tokens = objectWeightsInput(objectWeight, shape.batch, set);
    const diffusion = diffusionLoss(predicted, target, form, { channels, tokens });
    const { projector } = this.model;
    if (!teacher || !projector || !states) return { loss: diffusion, report: { diffusion } };
    const to = teacher.places(key);
    const projected = projector.forward(states, { grid: shape.grid, span: compression }, to, frames);
    const seen = input("teacher", [shape.batch, tokensOf(to.grid), teacher.width]);
    const cosine = similarity(projected, centre && shape.batch > 1 ? centred(seen) : seen);
    return { loss: diffusion.sub(cosine.mul(weight)), report: { diffusion, similarity: cosine } };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { key, set, batch } = this.#shapeOf(this.bucket(step));
    const { recipe } = this;
    const random = batchRandom(recipe.seed, step);
    const draws: Draw[] = [];
    for (let item = 0; item < batch; item++) {
      const clip = random.below(set.count);
      const number = random.bits();
      draws.push(drawOf(recipe, key, set, clip, recipe.draws ? number % recipe.draws : number));
    }
    const seen = recipe.strategy === "shuffled" ? [...draws.slice(1), draws[0]!] : draws;
    return this.#feeds(this.bucket(step), draws, seen, `student-noise-${step}`);
  }

  /** Of held-out clips the teacher's own features, whatever the strategy. */
  get validation(): Validation | undefined {
    const { validation } = this.recipe;
    if (!validation) return undefined;
    const { set } = this.#shapeOf(validationBucket);
    const batch: Validation["batch"] = (clip, sigma) => {
      const draws = heldOutDraws(this.recipe, set, clip).filter((draw) => draw.sigma === sigma);
      return this.#feeds(validationBucket, draws, draws, `held-out-${clip}`);
    };
    return { ...validation, batch };
  }

  /** @param seen what the teacher is shown */
  async #feeds(
    bucket: string,
    draws: readonly Draw[],
    seen: readonly Draw[],
    stream: string,
  ): Promise<Record<string, HostTensor>> {
    const { key, set, ...shape } = this.#shapeOf(bucket);
    const { recipe, data } = this;
    const cleanShare = hostTensor(
      draws.map(({ sigma }) => 1 - sigma),
      [draws.length, 1, 1],
    );
    const items = await flowItems(set, draws, recipe.seed, stream);
    const captions = draws.map(({ caption }) => caption);
    return {
      ...(data.read
        ? { ...latentFeeds(items, shape.grid), ...(await captionFeeds(captions, data.read)) }
        : studentFeeds(items, shape, data.tokenizer)),
      ...(await objectWeights(recipe.objectWeight, set, draws)),
      ...(recipe.loss === "epsilon" && { cleanShare }),
      ...(data.teacher && { teacher: await data.teacher.features.read(key, seen) }),
    };
  }
}
