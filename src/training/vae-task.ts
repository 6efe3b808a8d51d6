/** Training of the LTX autoencoder: reconstruction of crops of the world, edges, and a pull of latents to a normal. */
import { InputError } from "../base/errors.ts";
import { gaussian } from "../base/philox.ts";
import type { ClipSource } from "../data/clip-source.ts";
import { compression } from "../models/ltx-vae/config.ts";
import { LtxVae } from "../models/ltx-vae/vae.ts";
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { mount, parametersOf } from "../tensor/mount.ts";
import { input, type Tensor } from "../tensor/tensor.ts";
import type { VaeRecipe } from "./recipe.ts";
import { batchRandom, stepsOf } from "./stages.ts";
import type { Task } from "./trainer.ts";
import { initialVaeWeights, type StartClip } from "./vae-initial.ts";

/** |x|, smooth near zero (Charbonnier). */
const magnitude = (x: Tensor): Tensor => x.square().add(1e-4).sqrt();

/** Differences of neighbours along rows and columns: [B, 3, F, H, W] to one shorter along the axis. */
const difference = (x: Tensor, axis: number): Tensor => x.slice(axis, 1).sub(x.slice(axis, 0, -1));

/** Largest crops that starting weights are fitted to. */
const startCrop = { width: 128, height: 128, frames: 17 };

export class VaeTask implements Task {
  readonly model: LtxVae;
  readonly steps: number;
  readonly recipe: VaeRecipe;
  readonly clips: ClipSource;
  readonly #from: ReadonlyMap<string, HostTensor> | undefined;

  /** `from` holds the weights to go on from; without it they are fitted to clips. */
  constructor(recipe: VaeRecipe, clips: ClipSource, from?: ReadonlyMap<string, HostTensor>) {
    this.recipe = recipe;
    this.clips = clips;
    this.#from = from;
    this.model = mount(new LtxVae(recipe.model));
    this.steps = stepsOf(recipe.stages);
    const names = [...parametersOf(this.model).keys()];
    for (const part of recipe.frozen)
      if (!names.some((name) => name.startsWith(`${part}.`)))
        throw new InputError(`the autoencoder has no part ${part}`, {
          where: "frozen",
          hint: "such as encoder, decoder.convOut or decoder.blocks.0.up",
        });
  }

  /** The stage of a step, and how many crops came before it. */
  #at(step: number): { stage: VaeRecipe["stages"][number]; first: number } {
    let first = 0;
    let left = step - 1;
    for (const stage of this.recipe.stages) {
      if (left < stage.steps) return { stage, first: first + left * stage.batch };
      left -= stage.steps;
      first += stage.steps * stage.batch;
    }
    throw new RangeError(`step ${step} lies behind the recipe's end`);
  }

  frozen(name: string): boolean {
    return this.recipe.frozen.some((part) => name.startsWith(`${part}.`));
  }

  async initial(): Promise<ReadonlyMap<string, HostTensor>> {
    if (this.#from) return this.#from;
    const { seed, startClips } = this.recipe;
    const start = this.clips.sibling(3);
    const clips: StartClip[] = [];
    const pictures = this.recipe.stages.flatMap((stage) => stage.pictures);
    const least = (size: "width" | "height" | "frames") => Math.min(startCrop[size], ...pictures.map((p) => p[size]));
    const crop = { width: least("width"), height: least("height"), frames: least("frames") };
    for (let index = 0; index < startClips; index++) {
      const { pixels } = await start.crop(index, { pictures, crop, centred: 0.7 });
      clips.push({ pixels, ...crop });
    }
    return initialVaeWeights(this.model, seed, clips);
  }

  bucket(step: number): string {
    const { batch, crop } = this.#at(step).stage;
    return [batch, crop.frames, crop.height, crop.width].join("x");
  }

  loss(bucket: string): { loss: Tensor; report: Record<string, Tensor> } {
    const [batch, frames, height, width] = bucket.split("x").map(Number) as [number, number, number, number];
    const { object, gradient, kl } = this.recipe.loss;
    const pixels = input("pixels", [batch, 3, frames, height, width]);
    const mask = input("mask", [batch, 1, frames, height, width]);
    const noise = input("noise", this.#latentShape(bucket));
    const { mean, logVariance } = this.model.encoder.forward(pixels);
    const drawn = mean.add(noise.mul(logVariance.mul(0.5).exp()));
    const z = this.recipe.latentNoise ? drawn.add(input("wrong", this.#latentShape(bucket))) : drawn;
    const error = this.model.decoder.forward(z).sub(pixels);
    const weight = mask.mul(object - 1).add(1);
    const scale = weight.mean();
    const size = magnitude(error).add(error.square().mul(this.recipe.loss.square));
    const reconstruction = size.mul(weight).mean().div(scale);
    const edges = [3, 4]
      .map((axis) => magnitude(difference(error, axis)).mul(weight.slice(axis, 1)).mean().div(scale))
      .reduce((a, b) => a.add(b));
    const divergence = mean.square().add(logVariance.exp()).sub(logVariance).sub(1).mul(0.5).mean();
    const inside = mask.sum().mul(3).add(1);
    return {
      loss: reconstruction.add(edges.mul(gradient)).add(divergence.mul(kl)),
      report: {
        mse: error.square().mean(),
        objectMse: error.square().mul(mask).sum().div(inside),
        divergence,
      },
    };
  }

  #latentShape(bucket: string): [number, number, number, number, number] {
    const [batch, frames, height, width] = bucket.split("x").map(Number) as [number, number, number, number];
    const [t, h, w] = compression(this.recipe.model);
    return [batch, this.recipe.model.latentChannels, (frames - 1) / t + 1, height / h, width / w];
  }

  async batch(step: number): Promise<Record<string, HostTensor>> {
    const { stage, first } = this.#at(step);
    const crops = await Promise.all(
      Array.from({ length: stage.batch }, (_, item) => this.clips.crop(first + item, stage)),
    );
    const { frames, height, width } = stage.crop;
    const shape = this.#latentShape(this.bucket(step));
    return {
      pixels: stackValues(
        crops.map((crop) => crop.pixels),
        [3, frames, height, width],
      ),
      mask: stackValues(
        crops.map((crop) => crop.mask),
        [1, frames, height, width],
      ),
      noise: hostTensor(gaussian(sizeOf(shape), this.recipe.seed, `vae-noise-${step}`), shape),
      ...(this.recipe.latentNoise ? { wrong: this.#wrong(step, shape) } : {}),
    };
  }

  /** Noise of one deviation a crop. */
  #wrong(step: number, shape: readonly number[]): HostTensor {
    const { seed, latentNoise } = this.recipe;
    const random = batchRandom(seed, step);
    const values = gaussian(sizeOf(shape), seed, `latent-noise-${step}`);
    const size = values.length / shape[0]!;
    for (let item = 0; item < shape[0]!; item++) {
      const deviation = latentNoise * random.uniform();
      for (let i = item * size; i < (item + 1) * size; i++) values[i]! *= deviation;
    }
    return hostTensor(values, shape);
  }
}

/** Stacks parts of one size along a new first axis. */
function stackValues(parts: readonly Float32Array[], shape: readonly number[]): HostTensor {
  const out = new Float32Array(parts.length * (parts[0]?.length ?? 0));
  for (const [i, part] of parts.entries()) out.set(part, i * part.length);
  return hostTensor(out, [parts.length, ...shape]);
}

/** Peak signal-to-noise ratio of values in [-1, 1], in dB. */
export const psnr = (mse: number): number => 10 * Math.log10(4 / mse);
