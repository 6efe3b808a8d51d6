/** The frozen low-resolution model in the training of the second stage: text states and block features, no gradients. */
import { widthOf } from "../models/ltx/config.ts";
import { coordinates, type Grid, ropeTables, tokensOf } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { forwardWithTaps } from "../models/ltx/two-stage.ts";
import { relativeBuckets, T5Encoder } from "../models/t5/encoder.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import type { TextToVideoModel } from "../pipelines/model.ts";
import { seesMask } from "../pipelines/text.ts";
import { wordsOf } from "../pipelines/words.ts";
import { timestepOf } from "../samplers/process.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount } from "../tensor/mount.ts";
import { buildProgram, type Program } from "../tensor/program.ts";
import type { Executable, Runtime, Weights } from "../tensor/runtime.ts";
import { constant, input } from "../tensor/tensor.ts";
import { captionFeeds, type ReadCaption } from "./student.ts";

export interface DraftBatch {
  readonly grid: Grid;
  /** Noisy normalised tokens [B, n, C], and their noise levels. */
  readonly noisy: Float32Array;
  readonly sigmas: readonly number[];
  readonly captions: readonly string[];
}

export interface DraftAnswer {
  /** States of the text encoder [B, T, D], and which of them are words [B, T]. */
  readonly text: HostTensor;
  readonly mask: HostTensor;
  /** [B, n, W] of each tap. */
  readonly features: readonly HostTensor[];
}

export class FrozenDraft {
  readonly model: Drafter;
  readonly #runtime: Runtime;
  readonly #taps: readonly number[];
  readonly #read: ReadCaption | undefined;
  readonly #programs = new Map<string, Executable>();

  /**
   * @param taps blocks whose features are wanted; none for arms that need text states alone
   * @param read where captions were encoded before, in place of the text encoder
   */
  constructor(model: Drafter, runtime: Runtime, taps: readonly number[], read?: ReadCaption) {
    this.model = model;
    this.#runtime = runtime;
    this.#taps = taps;
    this.#read = read;
  }

  async run({ grid, noisy, sigmas, captions }: DraftBatch): Promise<DraftAnswer> {
    const { tokenizer, settings, transformer } = this.model;
    const batch = sigmas.length;
    const said = this.#read && (await captionFeeds(captions, this.#read));
    if (said && !this.#taps.length) return { ...said, features: [] };
    const words = said ?? wordsOf(captions, settings.textLength, tokenizer);
    const shape = [batch, tokensOf(grid), transformer.config.channels];
    const executable = await this.#program(grid, batch);
    const results = await executable.run({
      ...words,
      ...(this.#taps.length
        ? { latents: hostTensor(noisy, shape), sinusoid: timestepSinusoid(sigmas.map(timestepOf), [batch, 1]) }
        : {}),
    });
    const features = this.#taps.map((_, k) => results[`feature${k}`]!);
    return { text: said?.text ?? results["states"]!, mask: words.mask, features };
  }

  async #program(grid: Grid, batch: number): Promise<Executable> {
    const key = [grid.frames, grid.height, grid.width, batch].join(" ");
    const known = this.#programs.get(key);
    if (known) return known;
    const shape = { grid, batch, isRead: this.#read !== undefined };
    const program = draftProgram(this.model, this.#taps, shape, this.#runtime.keeps);
    const { text, transformer } = this.model;
    const weights = new Map([...prefixed(text.weights, "text."), ...prefixed(transformer.weights, "transformer.")]);
    const made = await this.#runtime.compile(program, { weights });
    this.#programs.set(key, made);
    return made;
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}

/** What the frozen model is known by to whoever only plans. */
export type DraftModel = Pick<TextToVideoModel, "settings"> & {
  readonly [part in "text" | "transformer"]: Pick<TextToVideoModel[part], "config">;
} & {
  /** Pixels per latent cell along time, height and width. */
  readonly compression: readonly [number, number, number];
};

/** A low-resolution model without its autoencoder, of which only the size of cells is wanted. */
export type Drafter = Pick<TextToVideoModel, "settings" | "tokenizer" | "text" | "transformer"> &
  Pick<DraftModel, "compression">;

/** Words to states, unless those are read, and noisy tokens to the features of each tap; without taps states alone. */
export function draftProgram(
  { settings, text, transformer, compression }: DraftModel,
  taps: readonly number[],
  { grid, batch, isRead = false }: { readonly grid: Grid; readonly batch: number; readonly isRead?: boolean },
  keep: Runtime["keeps"],
): Program {
  const words = settings.textLength;
  const { config } = transformer;
  const mask = input("mask", [batch, words]);
  const encode = () =>
    mount(new T5Encoder(text.config), "text").forward({
      ids: input("ids", [batch, words], "i32"),
      buckets: constant(relativeBuckets(words, text.config)),
      mask: seesMask(settings) ? mask : undefined,
    });
  const states = isRead ? input("text", [batch, words, config.captionChannels]) : encode();
  const causal = config.causalPositions ?? false;
  const places = coordinates(grid, { fps: settings.fps, compression, causal });
  const { cos, sin } = ropeTables(places, widthOf(config), { theta: config.ropeTheta });
  const features = taps.length
    ? forwardWithTaps(
        mount(new LtxTransformer(config), "transformer"),
        {
          latents: input("latents", [batch, tokensOf(grid), config.channels]),
          text: states,
          textMask: mask,
          sinusoid: input("sinusoid", [batch, 1, 256]),
          rope: { cos: constant(cos), sin: constant(sin) },
        },
        taps,
      ).features
    : [];
  const outputs = Object.fromEntries(features.map((x, k) => [`feature${k}`, x]));
  return buildProgram(isRead ? outputs : { states, ...outputs }, { keep });
}

const prefixed = (weights: Weights, prefix: string) =>
  [...weights].map(([name, weight]) => [prefix + name, weight] as const);
