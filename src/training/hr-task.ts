/**
 * Training of the high-resolution model of two-stage synthesis (Turbo2K, Sec. 3.2): flow matching on windows of large clips,
 * guided by what the frozen low-resolution model sees in the same clips.
 */
import { gaussian, Random } from "../base/philox.ts";
import { widthOf } from "../models/ltx/config.ts";
import { cropTokens, placeTokens } from "../models/ltx/placement.ts";
import { type Crop, resizing, resizingOf } from "../models/ltx/resize.ts";
import { type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { HrTransformer } from "../models/ltx/two-stage.ts";
import { guideChannels, type HrConfig } from "../models/ltx/two-stage-config.ts";
import { guideSigma } from "../pipelines/draft.ts";
import { addNoise } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import { degrade } from "./degrade.ts";
import { bucketAt, drawSigma } from "./draws.ts";
import { velocityLoss } from "./flow-loss.ts";
import type { LatentSet } from "./flow-task.ts";
import type { DraftModel, FrozenDraft } from "./hr-draft.ts";
import { initialHrWeights } from "./hr-initial.ts";
import type { HrRecipe } from "./recipe.ts";
import { aroundBlocks } from "./rematerialise.ts";
import { batchRandom, pictureKey, stepsOf } from "./stages.ts";
import { flowItems, latentFeeds } from "./student.ts";
import type { Task } from "./trainer.ts";
import { heldOut, heldOutDraw, type Validation } from "./validation.ts";

/** Clips at both sizes: the whole small picture, and a window of the large one. Clips of a group share the window. */
export interface HrSet {
  readonly small: LatentSet;
  /** The whole large picture. */
  readonly large: Grid;
  readonly count: number;
  readonly group: number;
  window(group: number): Crop;
  /** Packed tokens [N, C] of a clip's window. */
  read(clip: number): Promise<Float32Array>;
}

export interface HrData {
  readonly config: HrConfig;
  readonly draft: Pick<FrozenDraft, "run"> & { readonly model: DraftModel };
  /** Values of the low-resolution transformer, to start from. */
  readonly start: ReadonlyMap<string, HostTensor>;
  /** Values of a trained second stage to go on from instead. */
  readonly trained?: ReadonlyMap<string, HostTensor> | undefined;
  /** By `bucketKey`. */
  readonly sets: ReadonlyMap<string, HrSet>;
  /** `velocityLoss` */
  readonly channelWeights?: Float32Array | undefined;
}

export type HrBucket = HrRecipe["stages"][number]["buckets"][number];

/** `2560x1440x25 24x16`. */
export const bucketKey = ({ picture, window }: HrBucket): string =>
  `${pictureKey(picture)} ${window ? `${window.width}x${window.height}` : "whole"}`;

export class HrTask implements Task {
  readonly model: HrTransformer;
  readonly steps: number;
  readonly recipe: HrRecipe;
  readonly data: HrData;

  constructor(recipe: HrRecipe, data: HrData) {
    this.recipe = recipe;
    this.data = data;
    this.model = mount(new HrTransformer(data.config));
    this.steps = stepsOf(recipe.stages);
  }

  initial(): Map<string, HostTensor> {
    const { trained, start } = this.data;
    return trained ? new Map(trained) : initialHrWeights(this.model, start, this.recipe.seed);
  }

  bucket(step: number): string {
    const bucket = bucketAt(this.recipe.stages, step, this.recipe.seed);
    return `${bucketKey(bucket)} ${bucket.batch}`;
  }

  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const end = bucket.lastIndexOf(" ");
    const batch = bucket.slice(end + 1);
    const { small, large, ...set } = this.data.sets.get(bucket.slice(0, end))!;
    const { transformer } = this.data.config;
    const { height, width } = set.window(0);
    const tokens = large.frames * height * width;
    const [items, words] = [Number(batch), this.data.draft.model.settings.textLength];
    const table = [tokens, widthOf(transformer) / 2];
    const guides = this.model.fusion.map((_, k) =>
      input(`tap${k}`, [items, tokensOf(small.grid), guideChannels(this.data.config)]),
    );
    const matrices = resizing(small.grid, large, { ...this.data.config, crop: set.window(0) });
    const predicted = this.model.forward(
      {
        latents: input("latents", [items, tokens, transformer.channels]),
        text: input("text", [items, words, transformer.captionChannels]),
        textMask: input("mask", [items, words]),
        sinusoid: input("sinusoid", [items, 1, 256]),
        rope: { cos: input("cos", table), sin: input("sin", table) },
      },
      this.model.upsample(guides, resizingOf(matrices)),
      aroundBlocks(this.recipe),
    );
    const target = input("target", [items, tokens, transformer.channels]);
    return { loss: velocityLoss(predicted, target, { channels: this.data.channelWeights }), report: {} };
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { recipe, data } = this;
    const bucket = bucketAt(this.recipe.stages, step, this.recipe.seed);
    const set = data.sets.get(bucketKey(bucket))!;
    const random = batchRandom(recipe.seed, step);
    const group = random.below(Math.max(1, Math.floor(set.count / set.group)));
    const items = Array.from({ length: bucket.batch }, () => ({
      clip: group * set.group + random.below(Math.min(set.group, set.count)),
      sigma: drawSigma(random, recipe.timesteps),
    }));
    const caption = (clip: number) => (random.chance(recipe.captionDropout) ? "" : set.small.caption(clip, random));
    return this.#feeds(set, set.window(group), { items, caption, random, stream: `${step}` });
  }

  get validation(): Validation | undefined {
    const { seed, validation } = this.recipe;
    if (!validation) return undefined;
    const set = this.data.sets.get(heldOut)!;
    const batch: Validation["batch"] = (clip, sigma) =>
      this.#feeds(set, set.window(clip), {
        items: [{ clip, sigma }],
        caption: () => heldOutDraw(set.small, clip, sigma, seed).caption,
        random: new Random(seed, clip),
        stream: `${heldOut}-${clip}`,
      });
    return { ...validation, batch };
  }

  async #feeds(set: HrSet, crop: Crop, batch: Batch): Promise<Record<string, HostTensor>> {
    const noisy = await this.#noisy(set, batch);
    const { mask, ...guide } = await this.#guide(set, batch);
    return { ...noisy, mask: mask!, ...guide, ...this.#places(set, crop) };
  }

  /** What the model is to clean up, and the velocity it should find. */
  async #noisy(set: HrSet, { items, stream }: Batch): Promise<Record<string, HostTensor>> {
    const { height, width } = set.window(0);
    const grid = { frames: set.large.frames, height, width };
    return latentFeeds(await flowItems(set, items, this.recipe.seed, `hr-noise-${stream}`), grid);
  }

  /** Text states, and what the low-resolution stage hands over, as at inference. */
  async #guide(set: HrSet, { items, caption, random, stream }: Batch): Promise<Record<string, HostTensor>> {
    const { config, draft } = this.data;
    const { grid } = set.small;
    const size = tokensOf(grid) * config.transformer.channels;
    const noise = gaussian(items.length * size, this.recipe.seed, `guide-noise-${stream}`);
    const handed = new Float32Array(noise.length);
    const sigmas = items.map(({ sigma }) => (config.guidance === "features-synced" ? sigma : guideSigma));
    const captions: string[] = [];
    for (const [at, { clip }] of items.entries()) {
      const clean = await set.small.read(clip);
      const own = noise.subarray(at * size, (at + 1) * size);
      const isLatent = config.guidance === "latents";
      handed.set(isLatent ? degrade(clean, grid, random) : addNoise(clean, own, sigmas[at]!), at * size);
      captions.push(caption(clip));
    }
    const { text, mask, features } = await draft.run({ grid, noisy: handed, sigmas, captions });
    const latents = hostTensor(handed, [items.length, tokensOf(grid), config.transformer.channels]);
    const taps = config.guidance === "latents" ? config.taps.map(() => latents) : features;
    return { text, mask, ...Object.fromEntries(taps.map((tap, k) => [`tap${k}`, tap])) };
  }

  /** Where the window lies, for the rotary embedding and for the guide. */
  #places({ small, large }: HrSet, crop: Crop): Record<string, HostTensor> {
    const { config, draft } = this.data;
    const { settings, compression } = draft.model;
    const { transformer } = config;
    const causal = transformer.causalPositions ?? false;
    const positions = { fps: settings.fps, compression, causal };
    const tokens = cropTokens(large, crop);
    const places = placeTokens(large, small.grid, config.placement, positions).map((axis) =>
      Float32Array.from(tokens, (token) => axis[token]!),
    );
    const tables = ropeTables(places, widthOf(transformer), { theta: transformer.ropeTheta });
    if (config.guidance === "none") return { ...tables };
    return { ...tables, ...resizing(small.grid, large, { ...config, crop }) };
  }
}

interface Batch {
  readonly items: readonly { readonly clip: number; readonly sigma: number }[];
  /** Asked once for each item. */
  readonly caption: (clip: number) => string;
  /** Of what degrades latents. */
  readonly random: Random;
  /** Names the noise. */
  readonly stream: string;
}
