/** What the teacher sees in clips, as the student is to see it. */
import { gaussian, Random } from "../base/philox.ts";
import { widthOf } from "../models/hunyuan/config.ts";
import { tokenGrid } from "../models/hunyuan/rope.ts";
import { featureProgram, type HunyuanModel, type HunyuanShape, hunyuanFeeds } from "../pipelines/hunyuan.ts";
import type { PromptEncoder } from "../pipelines/hunyuan-text.ts";
import { addNoise } from "../samplers/process.ts";
import type { HostTensor } from "../tensor/dtype.ts";
import type { Executable, Runtime } from "../tensor/runtime.ts";
import type { TokenPlaces } from "./distill-projector.ts";
import { drawSigma, type Seen } from "./draws.ts";
import type { LatentSet } from "./flow-task.ts";
import type { DistillRecipe } from "./recipe.ts";
import { heldOut, heldOutDraw, validationLevels } from "./validation.ts";

/** A clip with a noise level and a wording: a pure function of recipe, size, clip and number. */
export interface Draw extends Seen {
  readonly number: number;
}

type DrawRecipe = Pick<DistillRecipe, "seed" | "drawSeed" | "timesteps" | "captionDropout">;

export const drawSeedOf = ({ drawSeed, seed }: Pick<DrawRecipe, "seed" | "drawSeed">): number => drawSeed ?? seed;

export function drawOf(
  recipe: DrawRecipe,
  key: string,
  set: Pick<LatentSet, "caption">,
  clip: number,
  number: number,
): Draw {
  const random = new Random(drawSeedOf(recipe), `draw ${key} ${clip} ${number}`);
  const sigma = drawSigma(random, recipe.timesteps);
  const caption = random.chance(recipe.captionDropout) ? "" : set.caption(clip, random);
  return { clip, number, sigma, caption };
}

/** Of a held-out clip: one at each of `validationLevels`, in their order. */
export const heldOutDraws = (recipe: DrawRecipe, set: Pick<LatentSet, "caption">, clip: number): Draw[] =>
  validationLevels.map((sigma, number) => ({ ...heldOutDraw(set, clip, sigma, drawSeedOf(recipe)), number }));

/** Every draw of a set whose features are kept, those of a clip together. */
export function keptDraws(
  recipe: DrawRecipe & Pick<DistillRecipe, "draws">,
  key: string,
  set: Pick<LatentSet, "count" | "caption">,
): Draw[] {
  const clips = Array.from({ length: set.count }, (_, clip) => clip);
  if (key === heldOut) return clips.flatMap((clip) => heldOutDraws(recipe, set, clip));
  const numbers = Array.from({ length: recipe.draws }, (_, number) => number);
  return clips.flatMap((clip) => numbers.map((number) => drawOf(recipe, key, set, clip, number)));
}

/** Features of draws at a picture size, live or from disk: [B, N1, W1], of root mean square 1 per token. */
export interface FeatureSource {
  read(key: string, draws: readonly Draw[]): Promise<HostTensor>;
}

/** Where the teacher's tokens lie. */
export function teacherPlaces(
  {
    transformer,
    codec,
  }: { readonly [part in "transformer"]: Pick<HunyuanModel[part], "config"> } & {
    readonly codec: Pick<HunyuanModel["codec"], "compression">;
  },
  { grid }: Pick<LatentSet, "grid">,
): TokenPlaces {
  const { patch } = transformer.config;
  const span = codec.compression.map((size, axis) => size * patch[axis]!) as [number, number, number];
  return { grid: tokenGrid(grid, transformer.config), span };
}

export interface LiveTeacherOptions {
  readonly prompts: PromptEncoder;
  /** Latents [C, f, h, w] of the teacher's autoencoder, by `pictureKey`. */
  readonly sets: ReadonlyMap<string, LatentSet>;
  readonly seed: number;
  readonly block: number;
  /** Guidance scale that it is told, where it is told one. */
  readonly guidance: number;
  /** The noise level that it sees for the student's. */
  readonly sigmaOf: (sigma: number) => number;
}

/** Computes features when they are asked for; the teacher's noise is its own, whatever the student's. */
export class LiveTeacher implements FeatureSource {
  readonly #model: HunyuanModel;
  readonly #runtime: Runtime;
  readonly #options: LiveTeacherOptions;
  readonly #programs = new Map<string, Promise<Executable>>();

  constructor(model: HunyuanModel, runtime: Runtime, options: LiveTeacherOptions) {
    this.#model = model;
    this.#runtime = runtime;
    this.#options = options;
  }

  get width(): number {
    return widthOf(this.#model.transformer.config);
  }

  async read(key: string, draws: readonly Draw[]): Promise<HostTensor> {
    const { sets, seed, guidance, sigmaOf, prompts } = this.#options;
    const set = sets.get(key)!;
    const { config } = this.#model.transformer;
    const shape = { batch: draws.length, grid: set.grid, words: this.#model.settings.textLength };
    const size = config.channels * set.grid.frames * set.grid.height * set.grid.width;
    const sigmas = draws.map(({ sigma }) => sigmaOf(sigma));
    const latents = new Float32Array(draws.length * size);
    for (const [i, draw] of draws.entries()) {
      const noise = gaussian(size, seed, noiseName(key, draw));
      latents.set(addNoise(await set.read(draw.clip), noise, sigmas[i]!), i * size);
    }
    const states = await prompts(draws.map(({ caption }) => caption));
    const executable = await this.#program(`${key} ${draws.length}`, shape);
    const feeds = hunyuanFeeds(config, shape, { latents, sigmas, prompts: states, guidance });
    return (await executable.run(feeds))["feature0"]!;
  }

  #program(name: string, shape: HunyuanShape): Promise<Executable> {
    const known = this.#programs.get(name);
    if (known) return known;
    const program = featureProgram(this.#model, shape, [this.#options.block], this.#runtime.keeps);
    const made = this.#runtime.compile(program, { weights: this.#model.transformer.weights });
    this.#programs.set(name, made);
    return made;
  }

  /** Frees the device; a later `read` compiles anew. */
  dispose(): void {
    for (const program of this.#programs.values()) void program.then((one) => one.dispose());
    this.#programs.clear();
  }
}

/** Name of the random stream that a draw's teacher noise comes from. */
export const noiseName = (key: string, { clip, number }: Draw): string => `teacher ${key} ${clip} ${number}`;
